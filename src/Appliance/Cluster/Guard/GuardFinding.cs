namespace Appliance.Cluster.Guard;

/// <summary>One thing that the guard needs of this host.</summary>
/// <param name="What">A few words: "capabilities", "kernel", "bpffs", "trial".</param>
/// <param name="IsGood">It is there.</param>
/// <param name="Detail">What was found, one sentence; where something is missing, with the remedy.</param>
internal sealed record GuardFinding(string What, bool IsGood, string Detail);
