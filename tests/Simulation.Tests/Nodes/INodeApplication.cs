using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>What runs above the group on a node, for one life.</summary>
internal interface INodeApplication : IGroupHandler, IDisposable
{
    /// <summary>The loop turns: publish, time out, go on. After all that was received in this round.</summary>
    void OnRound(long time);

    /// <summary>The node says goodbye.</summary>
    void OnLeaving();

    /// <summary>The node said goodbye and the engine has nothing left to send.</summary>
    void OnDrained();

    /// <summary>Virtual time at which <see cref="OnRound"/> must be called at the latest.</summary>
    long NextDeadline { get; }
}
