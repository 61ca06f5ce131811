using System.Security.Cryptography;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Multicast.Wire;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>What sealing, opening and refusing a full datagram costs, against .NET's AesGcm on the same bytes.</summary>
internal sealed class SealScenario : IScenario
{
    private const int DatagramBytes = 1464, ClearBytes = 36, TagBytes = 16;
    private readonly byte[] _datagram = new byte[DatagramBytes];
    private readonly byte[] _forged = new byte[DatagramBytes];
    private readonly byte[] _opened = new byte[DatagramBytes];
    private readonly byte[] _nonce = new byte[12];

    public string Name => "seal";

    public string Summary => "sealing, opening and refusing a datagram of 1464 B, against .NET's AesGcm";

    public IEnumerable<Figure> Run(ScenarioOptions options)
    {
        int rounds = options.Quick ? 5 : 15, count = options.Quick ? 20_000 : 100_000;
        byte[] key = new byte[32];
        using var cipher = new StreamCipher(key, 1, NodeId.FromName("a"), 1, 0);
        using var theirs = new AesGcm(key, TagBytes);
        cipher.Seal(_datagram, ClearBytes);
        _datagram.CopyTo(_forged, 0);
        _forged[^1] ^= 1;
        byte[] sealedByTheirs = new byte[DatagramBytes];
        theirs.Encrypt(_nonce, _opened.AsSpan(ClearBytes, DatagramBytes - ClearBytes - TagBytes), sealedByTheirs.AsSpan(ClearBytes..^TagBytes), sealedByTheirs.AsSpan(^TagBytes..), sealedByTheirs.AsSpan(..ClearBytes));

        byte[] scratch = new byte[DatagramBytes];
        return
        [
            .. Compare("seal", rounds, count, () => cipher.Seal(scratch, ClearBytes), () => Encrypt(theirs, scratch)),
            .. Compare("open", rounds, count, () => Require(Opens(cipher, _datagram)), () => Require(Decrypts(theirs, sealedByTheirs))),
            .. Compare("refuse", rounds, count / 20, () => Require(!Opens(cipher, _forged)), () => Require(!Decrypts(theirs, _forged))),
        ];
    }

    private static IEnumerable<Figure> Compare(string name, int rounds, int count, Action ours, Action theirs)
    {
        List<double> ourTimes = [], theirTimes = [];
        for (int i = -1; i < rounds; i++)
        {
            double our = Nanoseconds(count, ours), their = Nanoseconds(count, theirs);
            if (i < 0) continue;                           // compiled now
            ourTimes.Add(our);
            theirTimes.Add(their);
        }
        yield return Figure.Of($"{name}, AesGcm", theirTimes, "ns");
        yield return Figure.Of($"{name}", ourTimes, "ns", Statistics.Median(theirTimes.Zip(ourTimes, static (their, our) => their / our)), 1);
    }

    private static double Nanoseconds(int count, Action action)
    {
        long start = EventLoop.ReadClock().Nanoseconds;
        for (int i = 0; i < count; i++) action();
        return (EventLoop.ReadClock().Nanoseconds - start) / (double)count;
    }

    private static void Require(bool expected)
    {
        if (!expected) throw new InvalidOperationException("a datagram opened that is forged, or did not open although it is authentic");
    }

    private bool Opens(StreamCipher cipher, byte[] datagram) => cipher.TryOpen(datagram, ClearBytes, _opened.AsSpan(0, DatagramBytes - ClearBytes - TagBytes));

    private void Encrypt(AesGcm aes, byte[] datagram)
    {
        Span<byte> body = datagram.AsSpan(ClearBytes..^TagBytes);
        aes.Encrypt(_nonce, body, body, datagram.AsSpan(^TagBytes..), datagram.AsSpan(..ClearBytes));
    }

    private bool Decrypts(AesGcm aes, byte[] datagram)
    {
        try
        {
            aes.Decrypt(_nonce, datagram.AsSpan(ClearBytes..^TagBytes), datagram.AsSpan(^TagBytes..), _opened.AsSpan(0, DatagramBytes - ClearBytes - TagBytes), datagram.AsSpan(..ClearBytes));
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }
}
