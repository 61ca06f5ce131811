using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>
/// Parses the subset of pcap-filter(7) that docs/capture.md lists. As there, <c>and</c> and <c>or</c> bind alike and from the left, <c>not</c> binds
/// tighter, and an identifier without qualifiers takes those of the one before.
/// </summary>
internal sealed partial class FilterParser
{
    // Nesting is followed by recursion, here and in the compiler: what is nested deeper than any filter in use must not end the program. The kernel takes 4096 instructions (BPF_MAXINSNS).
    private const int MaxTokens = 4096;

    private static readonly Dictionary<string, uint> FlagValues = new()
    {
        ["tcp-fin"] = 1,
        ["tcp-syn"] = 2,
        ["tcp-rst"] = 4,
        ["tcp-push"] = 8,
        ["tcp-ack"] = 16,
        ["tcp-urg"] = 32,
        ["tcp-ece"] = 64,
        ["tcp-cwr"] = 128,
    };

    private readonly string _text;
    private readonly List<string> _tokens;
    private int _at;
    private int _family;
    private string _direction = "either", _type = "host";

    private FilterParser(string text)
    {
        _text = text;
        _tokens = [.. Token().Matches(text).Select(static match => match.Value)];
        if (string.Concat(_tokens) != Blank().Replace(text, "")) throw Wrong("it has a character that no filter has");
        if (_tokens.Count > MaxTokens) throw new CaptureException($"the filter has {_tokens.Count} words and signs: at most {MaxTokens} are taken");
    }

    /// <exception cref="CaptureException">What is wrong with the expression.</exception>
    public static FilterNode Parse(string text)
    {
        var parser = new FilterParser(text);
        if (parser._tokens.Count == 0) return new AnyNode();
        FilterNode node = parser.Expression();
        return parser._at == parser._tokens.Count ? node : throw parser.Wrong($"'{parser.Next}' is not expected there");
    }

    private string Next => _at < _tokens.Count ? _tokens[_at] : "the end";

    private FilterNode Expression()
    {
        FilterNode left = Term();
        while (true)
        {
            if (Take("and") || Take("&&")) left = new BothNode(left, Term());
            else if (Take("or") || Take("||")) left = new EitherNode(left, Term());
            else return left;
        }
    }

    private FilterNode Term()
    {
        if (Take("not") || Take("!")) return new NotNode(Term());
        if (!Take("(")) return Primitive();
        FilterNode inner = Expression();
        return Take(")") ? inner : throw Wrong($"a ')' is missing before {Next}");
    }

    private FilterNode Primitive()
    {
        if (Next == "tcp" && _at + 1 < _tokens.Count && _tokens[_at + 1] == "[") return Header();
        int family = 0;
        bool qualified = false;
        if (Next is "ip" or "ip6" or "tcp")
        {
            family = Next switch { "ip" => 4, "ip6" => 6, _ => 0 };
            _at++;
            qualified = true;
        }
        string? direction = Direction();
        string? type = Next is "host" or "net" or "port" or "portrange" ? _tokens[_at++] : null;
        if (qualified && direction is null && type is null) return family == 0 ? new AnyNode() : new FamilyNode(family);
        if (qualified || direction is not null || type is not null) (_family, _direction, _type) = (family, direction ?? "either", type ?? "host");
        if (_at == _tokens.Count) throw Wrong($"a {_type} is missing at the end");
        FilterNode node = _type switch
        {
            "host" => Address(_tokens[_at++], network: false),
            "net" => Address(_tokens[_at++], network: true),
            _ => Ports(_tokens[_at++]),
        };
        return _family == 0 ? node : new BothNode(new FamilyNode(_family), node);
    }

    private string? Direction()
    {
        if (Next is not ("src" or "dst")) return null;
        string first = _tokens[_at++];
        if (_at + 1 < _tokens.Count && _tokens[_at] is "or" or "and" && _tokens[_at + 1] is "src" or "dst" && _tokens[_at + 1] != first)
        {
            string joined = _tokens[_at] == "or" ? "either" : "both";
            _at += 2;
            return joined;
        }
        return first;
    }

    private FilterNode Address(string text, bool network)
    {
        string[] parts = text.Split('/');
        string address = parts[0];
        int bits = -1;
        if (network && !address.Contains(':', StringComparison.Ordinal))
        {
            int given = address.Split('.').Length;
            bits = given * 8; // 'net 10.1' is 10.1.0.0/16
            for (; given < 4; given++) address += ".0";
        }
        if (!IPAddress.TryParse(address, out IPAddress? parsed) || (parsed.AddressFamily == AddressFamily.InterNetwork && address.Count(static letter => letter == '.') != 3))
            throw Wrong($"'{text}' is no {(network ? "network" : "address; names are not looked up")}");
        byte[] bytes = parsed.GetAddressBytes();
        if (bits < 0) bits = bytes.Length * 8;
        if (parts.Length > 2 || (parts.Length == 2 && (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out bits) || bits > bytes.Length * 8))) throw Wrong($"'{text}' has no prefix length between 0 and {bytes.Length * 8}");
        if (network && Take("mask")) bits = Mask(bytes);
        return Directed(source => new AddressNode(source, bytes, bits));
    }

    private int Mask(byte[] address)
    {
        if (_at == _tokens.Count || address.Length != 4 || !IPAddress.TryParse(_tokens[_at++], out IPAddress? mask) || mask.AddressFamily != AddressFamily.InterNetwork) throw Wrong("a mask like 255.255.0.0 must follow 'mask'");
        uint bits = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(mask.GetAddressBytes());
        int prefix = System.Numerics.BitOperations.LeadingZeroCount(~bits);
        return prefix == 32 || bits << prefix == 0 ? prefix : throw Wrong($"the mask {mask} has gaps");
    }

    private FilterNode Ports(string text)
    {
        string[] parts = _type == "portrange" ? text.Split('-') : [text];
        uint first = Port(parts[0]), last = parts.Length switch { 1 => first, 2 => Port(parts[1]), _ => throw Wrong($"'{text}' is no range of ports") };
        if (last < first) (first, last) = (last, first);
        return Directed(source => new PortNode(source, first, last));
    }

    private uint Port(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint port) && port <= ushort.MaxValue ? port
        : text switch { "http" => 80, "https" => 443, "ssh" => 22, "redis" => 6379, _ => throw Wrong($"'{text}' is no port") };

    private FilterNode Directed(Func<bool, FilterNode> of) => _direction switch
    {
        "src" => of(true),
        "dst" => of(false),
        "both" => new BothNode(of(true), of(false)),
        _ => new EitherNode(of(true), of(false)),
    };

    // tcp[OFFSET] or tcp[OFFSET:SIZE], & MASK if any, a comparison, a number.
    private HeaderNode Header()
    {
        _at += 2;
        uint offset = Take("tcpflags") ? 13 : Number();
        uint size = Take(":") ? Number() : 1;
        if (size is not (1 or 2 or 4) || offset + size > 60) throw Wrong("tcp[OFFSET:SIZE] takes 1, 2 or 4 bytes within the header");
        if (!Take("]")) throw Wrong($"a ']' is missing before {Next}");
        uint mask = Take("&") ? Value() : uint.MaxValue;
        string comparison = Next;
        if (comparison is not ("=" or "==" or "!=" or "<" or ">" or "<=" or ">=")) throw Wrong($"a comparison is missing before {Next}");
        _at++;
        return new HeaderNode(offset, (int)size, mask, comparison, Value());
    }

    private uint Value()
    {
        if (Take("("))
        {
            uint inner = Value();
            return Take(")") ? inner : throw Wrong($"a ')' is missing before {Next}");
        }
        uint value = Number();
        while (Take("|")) value |= Number();
        return value;
    }

    private uint Number()
    {
        string text = Next;
        _at++;
        if (FlagValues.TryGetValue(text, out uint flag)) return flag;
        bool hexadecimal = text.StartsWith("0x", StringComparison.Ordinal);
        return uint.TryParse(hexadecimal ? text.AsSpan(2) : text, hexadecimal ? NumberStyles.HexNumber : NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : throw Wrong($"'{text}' is no number");
    }

    private bool Take(string token)
    {
        if (_at == _tokens.Count || _tokens[_at] != token) return false;
        _at++;
        return true;
    }

    private CaptureException Wrong(string what) => new($"the filter '{_text}' is not understood: {what} (docs/capture.md lists what filters can say)");

    [GeneratedRegex(@"tcp-[a-z]+|tcpflags|\|\||&&|[!<>=]=|[()\[\]!&|=<>]|:(?=\s*[0-9]+\s*\])|[0-9A-Za-z.:/_-]+?(?=:\s*[124]\s*\])|[0-9A-Za-z.:/_-]+")]
    private static partial Regex Token();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
