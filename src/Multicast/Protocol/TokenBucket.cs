namespace Appliance.Multicast.Protocol;

/// <summary>A rate with a burst. A rate of 0 never limits.</summary>
internal struct TokenBucket
{
    private readonly long _bytesPerSecond;
    private readonly long _burstBytes;
    private long _tokens;
    private Timestamp _filledAt;

    public TokenBucket(long bytesPerSecond, long burstBytes)
    {
        _bytesPerSecond = bytesPerSecond;
        _burstBytes = _tokens = burstBytes;
    }

    /// <summary>Adds what time has brought.</summary>
    public void Refill(Timestamp now)
    {
        if (_bytesPerSecond == 0) return;
        long elapsed = Math.Min(now.Nanoseconds - _filledAt.Nanoseconds, 1_000_000_000);
        long earned = (long)((Int128)elapsed * _bytesPerSecond / 1_000_000_000);
        if (earned <= 0) return;                           // the fraction is kept: the time is not yet counted as used
        _tokens = Math.Min(_burstBytes, _tokens + earned);
        _filledAt = now;
    }

    /// <summary>Takes tokens if there are any; the last taker may overdraw, and the next one waits longer.</summary>
    public bool TryTake(int bytes)
    {
        if (_bytesPerSecond == 0) return true;
        if (_tokens <= 0) return false;
        _tokens -= bytes;
        return true;
    }

    /// <summary>When there will be tokens.</summary>
    public readonly Timestamp ReadyAt => _bytesPerSecond == 0 || _tokens > 0
        ? _filledAt
        : new Timestamp(_filledAt.Nanoseconds + (long)((Int128)(1 - _tokens) * 1_000_000_000 / _bytesPerSecond) + 1);
}
