namespace Appliance.Tests.Shared;

/// <summary>A fact that needs network namespaces or raw sockets: skipped with a reason when not root, never when root.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    /// <summary>Skips the test unless this process is root.</summary>
    public RootFactAttribute() => Skip = RootRequirement.SkipReason;
}

/// <summary>A theory that needs root; see <see cref="RootFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips the test unless this process is root.</summary>
    public RootTheoryAttribute() => Skip = RootRequirement.SkipReason;
}

internal static class RootRequirement
{
    internal static string? SkipReason => Environment.IsPrivilegedProcess ? null : "needs root: network namespaces, packet filters and raw sockets";
}
