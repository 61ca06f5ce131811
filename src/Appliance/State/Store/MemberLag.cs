namespace Appliance.State;

/// <summary>What a member has not yet applied of what this node has written.</summary>
/// <param name="Messages">Records.</param>
/// <param name="Bytes">Their encoded bytes.</param>
/// <param name="Milliseconds">Age of the oldest of them; 0 when it lacks none.</param>
internal readonly record struct MemberLag(long Messages, long Bytes, double Milliseconds)
{
    /// <summary>The lag over several services.</summary>
    internal MemberLag With(MemberLag other) => new(Messages + other.Messages, Bytes + other.Bytes, Math.Max(Milliseconds, other.Milliseconds));
}
