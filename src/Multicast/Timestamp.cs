namespace Appliance.Multicast;

/// <summary>Monotonic time in nanoseconds (CLOCK_BOOTTIME in the product, virtual time in the simulator).</summary>
/// <remarks>Engines receive it as an argument and never read a clock. It never goes back.</remarks>
/// <param name="Nanoseconds">Nanoseconds since an arbitrary origin, at least 0.</param>
public readonly record struct Timestamp(long Nanoseconds) : IComparable<Timestamp>
{
    /// <summary>A time that never comes: the deadline of something that is not due.</summary>
    public static readonly Timestamp Never = new(long.MaxValue);

    /// <inheritdoc/>
    public int CompareTo(Timestamp other) => Nanoseconds.CompareTo(other.Nanoseconds);

    /// <summary>The earlier of two times.</summary>
    public static Timestamp Min(Timestamp left, Timestamp right) => left.Nanoseconds < right.Nanoseconds ? left : right;

    /// <summary>The later of two times.</summary>
    public static Timestamp Max(Timestamp left, Timestamp right) => left.Nanoseconds > right.Nanoseconds ? left : right;

    /// <summary>Moves a time by a span; <see cref="Never"/> stays.</summary>
    public static Timestamp operator +(Timestamp left, TimeSpan right) =>
        left.Nanoseconds == long.MaxValue ? left : new(left.Nanoseconds + right.Ticks * 100);

    /// <summary>Moves a time back by a span; <see cref="Never"/> stays.</summary>
    public static Timestamp operator -(Timestamp left, TimeSpan right) =>
        left.Nanoseconds == long.MaxValue ? left : new(left.Nanoseconds - right.Ticks * 100);

    /// <summary>The span from <paramref name="right"/> to <paramref name="left"/>.</summary>
    public static TimeSpan operator -(Timestamp left, Timestamp right) => new((left.Nanoseconds - right.Nanoseconds) / 100);

    /// <summary>Order in time.</summary>
    public static bool operator <(Timestamp left, Timestamp right) => left.Nanoseconds < right.Nanoseconds;

    /// <summary>Order in time.</summary>
    public static bool operator >(Timestamp left, Timestamp right) => left.Nanoseconds > right.Nanoseconds;

    /// <summary>Order in time.</summary>
    public static bool operator <=(Timestamp left, Timestamp right) => left.Nanoseconds <= right.Nanoseconds;

    /// <summary>Order in time.</summary>
    public static bool operator >=(Timestamp left, Timestamp right) => left.Nanoseconds >= right.Nanoseconds;
}
