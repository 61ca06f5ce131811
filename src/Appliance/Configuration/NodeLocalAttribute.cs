namespace Appliance.Configuration;

/// <summary>Marks a setting that may differ from node to node. All others must be alike in the whole group and enter its digest.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
internal sealed class NodeLocalAttribute : Attribute;

/// <summary>Marks a setting that <c>appliance reload</c> applies; all others need a restart.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ReloadableAttribute : Attribute;
