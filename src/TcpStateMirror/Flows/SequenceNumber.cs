using System.Runtime.CompilerServices;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>Comparison of numbers that wrap (RFC 9293 section 3.4).</summary>
internal static class SequenceNumber
{
    /// <summary><paramref name="left"/> lies before <paramref name="right"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBefore(uint left, uint right) => (int)(left - right) < 0;

    /// <summary><paramref name="left"/> lies behind <paramref name="right"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAfter(uint left, uint right) => (int)(left - right) > 0;
}
