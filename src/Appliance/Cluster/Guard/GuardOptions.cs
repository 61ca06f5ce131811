namespace Appliance.Cluster.Guard;

/// <summary>Where and how the lease guard is attached.</summary>
internal sealed record GuardOptions
{
    /// <summary>Directory in a bpffs below which the pins lie. The customary mount point of bpffs, so that other tools show them; mounted when missing.</summary>
    public string PinPath { get; init; } = "/sys/fs/bpf/appliance";

    /// <summary>Names this node's guard among others that share the bpffs (several nodes of a laboratory on one kernel). Any text.</summary>
    public string Name { get; init; } = "node";

    /// <summary>How to attach. Automatic takes TCX where the kernel has it.</summary>
    public GuardAttachment Attachment { get; init; } = GuardAttachment.Automatic;
}
