using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>Another node as its newest beat shows it.</summary>
internal sealed class ElectionPeer
{
    private readonly ServiceSection[] _sections;

    internal ElectionPeer(NodeId node, int sections)
    {
        Node = node;
        _sections = new ServiceSection[sections];
    }

    /// <summary>Its number.</summary>
    internal NodeId Node { get; }

    /// <summary>Its slot in the present view; -1: no member.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>Its life.</summary>
    internal ulong Incarnation { get; private set; }

    /// <summary>Its newest publication that was seen.</summary>
    internal uint Publication { get; private set; }

    /// <summary>When its newest beat was received.</summary>
    internal Timestamp ReceivedAt { get; private set; }

    /// <summary>When it sent that beat, on its own clock.</summary>
    internal ulong Sent { get; private set; }

    /// <summary>When this node sent the newest beat that it had heard by then, on this node's clock; 0: none.</summary>
    internal ulong EchoedSent { get; private set; }

    /// <summary>Version of its view.</summary>
    internal uint ViewTerm { get; private set; }

    /// <summary>Version of its view.</summary>
    internal uint ViewNumber { get; private set; }

    /// <summary>Its settings and its view mean the same as ours: what it says about services counts.</summary>
    internal bool Understood { get; set; }

    /// <summary>The last difference in settings or members that was logged about it.</summary>
    internal ulong Complained { get; set; }

    /// <summary>How it is configured otherwise than this node, so that neither votes for the other; null while it is not.</summary>
    internal string? Refusal { get; set; }

    /// <summary>What it says about a service.</summary>
    internal ref readonly ServiceSection this[int service] => ref _sections[service];

    /// <summary>It was heard within dead-after, and is understood.</summary>
    internal bool IsFresh(Timestamp now, TimeSpan deadAfter) => Understood && Incarnation != 0 && now < ReceivedAt + deadAfter;

    /// <summary>It has heard this node within dead-after: what is asked will be heard.</summary>
    internal bool HearsUs(Timestamp now, TimeSpan deadAfter) => EchoedSent != 0 && now < new Timestamp((long)EchoedSent) + deadAfter;

    /// <summary>Takes over a beat's frame; false when a newer one, or one of a newer life, was seen.</summary>
    internal bool Take(ulong incarnation, Timestamp receivedAt, ulong sent, ulong echoedSent, in BeatExtension extension)
    {
        if (incarnation < Incarnation || (incarnation == Incarnation && extension.Publication < Publication)) return false;
        bool isNewLife = incarnation > Incarnation;
        Incarnation = incarnation;
        Publication = extension.Publication;
        ReceivedAt = isNewLife ? receivedAt : Timestamp.Max(ReceivedAt, receivedAt);
        Sent = isNewLife ? sent : Math.Max(Sent, sent);
        EchoedSent = isNewLife ? echoedSent : Math.Max(EchoedSent, echoedSent);
        (ViewTerm, ViewNumber) = (extension.ViewTerm, extension.ViewNumber);
        return true;
    }

    /// <summary>Takes over what it says about the services.</summary>
    internal void TakeSections(in BeatExtension extension)
    {
        for (int i = 0; i < _sections.Length; i++) _sections[i] = extension[i];
    }

    /// <summary>Services, other than one and the group's own, that it claims.</summary>
    internal int ClaimsBeside(int service)
    {
        int claims = 0;
        for (int i = 0; i < _sections.Length - 1; i++)
            if (i != service && _sections[i].Role != ElectionRole.None) claims++;
        return claims;
    }
}
