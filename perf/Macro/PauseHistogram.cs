using System.Globalization;
using System.Numerics;
using System.Text;

namespace Appliance.Perf.Macro;

/// <summary>Durations in eighths of powers of two.</summary>
internal sealed class PauseHistogram
{
    private const int StepsPerDoubling = 8;
    private readonly long[] _counts = new long[64 * StepsPerDoubling];
    private long _count, _total;

    /// <summary>The longest, in nanoseconds.</summary>
    public long Longest { get; private set; }

    /// <summary>How many took more than a millisecond.</summary>
    public long OverOneMillisecond { get; private set; }

    /// <summary>The mean.</summary>
    public double MeanNanoseconds => _count == 0 ? 0 : (double)_total / _count;

    /// <summary>Adds one.</summary>
    public void Add(long nanoseconds)
    {
        _counts[Cell(nanoseconds)]++;
        _count++;
        _total += nanoseconds;
        Longest = Math.Max(Longest, nanoseconds);
        if (nanoseconds > 1_000_000) OverOneMillisecond++;
    }

    /// <summary>Upper border of the cell in which a quantile lies, in nanoseconds.</summary>
    public double Quantile(double part)
    {
        long rank = (long)Math.Ceiling(part * _count), seen = 0;
        for (int cell = 0; cell < _counts.Length; cell++)
        {
            seen += _counts[cell];
            if (seen >= rank) return Border(cell + 1);
        }
        return Longest;
    }

    /// <summary>One line per doubling.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (int doubling = 0; doubling < 64; doubling++)
        {
            long count = _counts.AsSpan(doubling * StepsPerDoubling, StepsPerDoubling).ToArray().Sum();
            if (count > 0) text.Append(CultureInfo.InvariantCulture, $"  from {Border(doubling * StepsPerDoubling) / 1000,12:0.000} us: {count,12:N0}\n");
        }
        return text.ToString();
    }

    private static int Cell(long nanoseconds)
    {
        if (nanoseconds < StepsPerDoubling) return (int)Math.Max(0, nanoseconds);
        int doubling = BitOperations.Log2((ulong)nanoseconds);
        return (doubling - 2) * StepsPerDoubling + (int)(nanoseconds >> (doubling - 3)) - StepsPerDoubling;
    }

    private static double Border(int cell)
    {
        if (cell < StepsPerDoubling) return cell;
        return (double)((cell % StepsPerDoubling + StepsPerDoubling) * (1L << (cell / StepsPerDoubling - 1)));
    }
}
