using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>Follows the states of both ends of a connection from the segments between them (RFC 9293 section 3.3.2, figure 5). Rules C-30 to C-34 in docs/capture.md.</summary>
internal static class FlowStates
{
    /// <summary>Takes a segment in.</summary>
    public static void OnSegment(Flow flow, FlowSide sender, FlowSide receiver, TcpFlags flags, uint sequence, uint acknowledgement, int length)
    {
        if ((flags & TcpFlags.Rst) != 0) // C-34
        {
            flow.WasReset = true;
            (sender.State, receiver.State) = (TcpState.Closed, TcpState.Closed);
            return;
        }
        if (flow.WasReset) return;
        bool acknowledges = (flags & TcpFlags.Ack) != 0;
        if ((flags & TcpFlags.Syn) != 0) OnSyn(sender, receiver, acknowledges); // C-30
        else if (sender.State is TcpState.Closed or TcpState.Listen && !sender.HasFin) sender.State = TcpState.Established; // C-33: the beginning was not seen
        if (acknowledges && (flags & TcpFlags.Syn) == 0) OnAcknowledgement(sender, receiver, acknowledgement); // C-31
        if ((flags & TcpFlags.Fin) != 0) OnFin(sender, sequence + (uint)length + 1); // C-32
    }

    private static void OnSyn(FlowSide sender, FlowSide receiver, bool acknowledges)
    {
        if (sender.State > TcpState.SynReceived) return; // an old one, or one that answers a lost acknowledgement
        if (acknowledges)
        {
            sender.State = TcpState.SynReceived;
            if (receiver.State < TcpState.SynSent) receiver.State = TcpState.SynSent;
            return;
        }
        bool simultaneous = receiver.State == TcpState.SynSent;
        sender.State = simultaneous ? TcpState.SynReceived : TcpState.SynSent;
        if (simultaneous) receiver.State = TcpState.SynReceived;
        else if (receiver.State == TcpState.Closed) receiver.State = TcpState.Listen;
    }

    private static void OnAcknowledgement(FlowSide sender, FlowSide receiver, uint acknowledgement)
    {
        if (sender.State == TcpState.SynSent && receiver.State >= TcpState.SynReceived) sender.State = TcpState.Established;
        if (receiver.State == TcpState.SynReceived) receiver.State = TcpState.Established;
        if (sender.State == TcpState.SynReceived && receiver.State >= TcpState.Established) sender.State = TcpState.Established;
        if (receiver.State == TcpState.Closed && !receiver.HasFin) receiver.State = TcpState.Established; // C-33
        if (!receiver.HasFin || SequenceNumber.IsBefore(acknowledgement, receiver.FinEnd)) return;
        receiver.State = receiver.State switch
        {
            TcpState.FinWait1 => TcpState.FinWait2,
            TcpState.Closing => TcpState.TimeWait,
            TcpState.LastAck => TcpState.Closed,
            _ => receiver.State,
        };
        sender.State = sender.State switch
        {
            TcpState.Established or TcpState.SynReceived => TcpState.CloseWait,
            TcpState.FinWait1 => TcpState.Closing,
            TcpState.FinWait2 => TcpState.TimeWait,
            _ => sender.State,
        };
    }

    private static void OnFin(FlowSide sender, uint end)
    {
        if (!sender.HasFin) (sender.HasFin, sender.FinEnd) = (true, end);
        sender.State = sender.State switch
        {
            TcpState.Established or TcpState.SynReceived or TcpState.SynSent => TcpState.FinWait1,
            TcpState.CloseWait => TcpState.LastAck,
            _ => sender.State,
        };
    }
}
