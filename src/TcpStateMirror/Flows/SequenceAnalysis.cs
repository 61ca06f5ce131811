using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>What a segment is that brings nothing new.</summary>
internal enum Repetition
{
    /// <summary>It brings something new, or nothing at all.</summary>
    None,

    /// <summary>Seen or acknowledged before.</summary>
    Retransmission,

    /// <summary>Overtaken by a later one.</summary>
    OutOfOrder,
}

/// <summary>
/// Tells retransmissions from segments that were overtaken, as an observer between the ends can: rules C-20 to C-26 in docs/capture.md. They are those
/// that Wireshark 4 applies, so that its users find the same numbers here.
/// </summary>
internal struct SequenceAnalysis
{
    private const long FastRetransmitWithin = 20_000_000, OvertakenWithin = 3_000_000; // ns

    /// <summary>The number behind the highest byte sent; 0 until there is one.</summary>
    internal uint Next;

    private uint _lastAcknowledgement, _highestToAcknowledge;
    private long _nextTime, _lastTime;
    private int _duplicates; // -1: something was acknowledged that was not seen
    private int _window;
    private bool _lastWasKeepAlive, _lastWasProbe;

    /// <summary>Before the first segment.</summary>
    public static SequenceAnalysis Fresh => new() { _window = -1 };

    /// <summary>Judges a segment and takes it in.</summary>
    /// <param name="reverse">The other direction.</param>
    /// <param name="now">When it was captured, ns.</param>
    /// <param name="sequence">Its sequence number.</param>
    /// <param name="acknowledgement">Its acknowledgement number.</param>
    /// <param name="length">Bytes of payload.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="window">Its window, unscaled.</param>
    /// <param name="roundTrip">Duration of the handshake, ns; 0 while unknown.</param>
    public Repetition OnSegment(ref SequenceAnalysis reverse, long now, uint sequence, uint acknowledgement, int length, TcpFlags flags, ushort window, long roundTrip)
    {
        bool control = (flags & (TcpFlags.Syn | TcpFlags.Fin | TcpFlags.Rst)) != 0;
        bool keepAlive = false, probe = length == 1 && sequence == Next && reverse._window == 0; // C-20
        if (!probe)
        {
            keepAlive = length <= 1 && sequence == Next - 1 && !control; // C-21
            CountDuplicate(ref reverse, sequence, acknowledgement, length, window, control);
        }
        if (acknowledgement != _lastAcknowledgement) _duplicates = 0;
        NoticeUnseen(ref reverse, acknowledgement, flags);

        bool occupies = length > 0 || (flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0;
        Repetition repetition = occupies && !keepAlive ? Judge(ref reverse, now, sequence, length, flags, roundTrip) : Repetition.None;

        uint end = sequence + (uint)length;
        if ((flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0) end++;
        if (!probe)
        {
            if (Next == 0 || SequenceNumber.IsAfter(end, Next)) (Next, _nextTime) = (end, now);
            if (_highestToAcknowledge == 0 || sequence == _highestToAcknowledge) _highestToAcknowledge = Next;
        }
        (_window, _lastAcknowledgement, _lastTime) = (window, acknowledgement, now);
        (_lastWasKeepAlive, _lastWasProbe) = (keepAlive, probe);
        return repetition;
    }

    // C-22: the same acknowledgement, window and sequence number again, without data, and no answer to a keep-alive.
    private void CountDuplicate(ref SequenceAnalysis reverse, uint sequence, uint acknowledgement, int length, ushort window, bool control)
    {
        bool repeats = length == 0 && window == _window && sequence == Next && acknowledgement == _lastAcknowledgement && !control;
        if (!repeats || window == 0 || reverse._lastWasKeepAlive) return;
        _duplicates = _duplicates < 0 ? 1 : _duplicates + 1;
    }

    // Bytes are acknowledged that the capture did not see.
    private static void NoticeUnseen(ref SequenceAnalysis reverse, uint acknowledgement, TcpFlags flags)
    {
        if ((flags & TcpFlags.Ack) == 0 || reverse._highestToAcknowledge == 0 || !SequenceNumber.IsAfter(acknowledgement, reverse._highestToAcknowledge)) return;
        if (reverse._highestToAcknowledge > reverse.Next) reverse._highestToAcknowledge = reverse.Next;
        else reverse._duplicates = -1;
    }

    private readonly Repetition Judge(ref SequenceAnalysis reverse, long now, uint sequence, int length, TcpFlags flags, long roundTrip)
    {
        uint end = sequence + (uint)length;
        bool old = Next != 0 && SequenceNumber.IsBefore(sequence, Next) && !(length > 1 && Next - 1 == sequence); // one byte before: a probe's byte comes along
        if (length > 0 && reverse._lastAcknowledgement != 0 && !SequenceNumber.IsAfter(end, reverse._lastAcknowledgement)) return Repetition.Retransmission; // C-23: acknowledged before
        if (!old) return Repetition.None;
        if (reverse._duplicates >= 2 && reverse._lastAcknowledgement == sequence && now - reverse._lastTime < FastRetransmitWithin) return Repetition.Retransmission; // C-24: it was asked for
        long within = roundTrip > 0 ? roundTrip : OvertakenWithin;
        uint last = (flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0 ? end + 1 : end;
        return now - _nextTime < within && Next != last ? Repetition.OutOfOrder : Repetition.Retransmission; // C-25, C-26
    }
}
