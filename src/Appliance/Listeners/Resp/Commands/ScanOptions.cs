using System.Text;
using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp.Commands;

/// <summary>Options of SCAN and HSCAN (scanGenericCommand of Redis, db.c).</summary>
internal ref struct ScanOptions
{
    private ReadOnlySpan<byte> _pattern;
    private bool _hasPattern;

    /// <summary>Elements to look at, roughly; at least 1.</summary>
    public long Count { get; private set; }

    /// <summary>Name of the type asked for; empty for any.</summary>
    public ReadOnlySpan<byte> Type { get; private set; }

    public readonly bool Matches(ReadOnlySpan<byte> name) => !_hasPattern || GlobPattern.IsMatch(_pattern, name);

    /// <summary>Parses from an index on; writes the error and answers false if they are wrong.</summary>
    public static bool TryParse(RespExecutor x, RespArguments arguments, int index, bool allowType, out ScanOptions options)
    {
        options = new ScanOptions { Count = 10 };
        for (; index < arguments.Count; index += 2)
        {
            ReadOnlySpan<byte> word = arguments[index];
            bool hasValue = index + 1 < arguments.Count;
            if (hasValue && Ascii.EqualsIgnoreCase(word, "COUNT"u8))
            {
                if (!RespNumber.TryParse(arguments[index + 1], out long count))
                {
                    x.Error(RespErrors.NotAnInteger);
                    return false;
                }
                if (count < 1) break;
                options.Count = count;
            }
            else if (hasValue && Ascii.EqualsIgnoreCase(word, "MATCH"u8))
            {
                options._pattern = arguments[index + 1];
                options._hasPattern = true;
            }
            else if (hasValue && allowType && Ascii.EqualsIgnoreCase(word, "TYPE"u8))
            {
                options.Type = arguments[index + 1];
            }
            else
            {
                break;
            }
        }
        if (index >= arguments.Count) return true;
        x.Error(RespErrors.Syntax);
        return false;
    }
}
