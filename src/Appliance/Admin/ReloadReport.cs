namespace Appliance.Admin;

/// <summary>What a reload did.</summary>
/// <param name="Applied">Settings that are in force now, as <c>[section] key = value</c>.</param>
/// <param name="NeedRestart">Settings of the file that are not in force before a restart.</param>
/// <param name="Problems">Why nothing was applied; empty when it was.</param>
internal sealed record ReloadReport(IReadOnlyList<string> Applied, IReadOnlyList<string> NeedRestart, IReadOnlyList<string> Problems);
