using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>A beat, or a message of the modelled state, under way.</summary>
internal sealed class ElectionPacket
{
    internal ElectionPacket(int from, ulong incarnation, ulong sent, ulong echo, byte[] extension, StateMessage? message)
    {
        From = from;
        Incarnation = incarnation;
        Sent = sent;
        Echo = echo;
        Extension = extension;
        Message = message;
    }

    internal int From { get; }

    internal ulong Incarnation { get; }

    /// <summary>On the sender's clock.</summary>
    internal ulong Sent { get; }

    /// <summary>Life of the receiver to which a message of the state goes: connections and streams end with it.</summary>
    internal ulong Target { get; init; }

    /// <summary>In true time.</summary>
    internal long SentAt { get; init; }

    /// <summary>The receiver's newest beat that the sender has.</summary>
    internal ulong Echo { get; }

    internal byte[] Extension { get; }

    internal StateMessage? Message { get; }

    /// <summary>On the receiver's clock; default while its thread is frozen.</summary>
    internal Timestamp ReceivedAt { get; set; }
}
