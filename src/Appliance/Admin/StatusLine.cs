using System.Globalization;

namespace Appliance.Admin;

/// <summary>A node's status in one line, for places that have no room for more.</summary>
internal static class StatusLine
{
    /// <summary><c>primary of shop in term 3; 2 of 2 others live; nothing would be lost</c></summary>
    internal static string Of(NodeStatus status)
    {
        IEnumerable<string> roles = status.Services.Select(static service => string.Create(CultureInfo.InvariantCulture, $"{service.Role} of {service.Name} in term {service.Term}"));
        string members = status.Members.Count == 0 ? "alone" : string.Create(CultureInfo.InvariantCulture, $"{status.Members.Count(static member => member.State == MemberStatus.LiveState)} of {status.Members.Count} others live");
        long lost = status.WouldBeLost.Sum(static loss => loss.Records);
        string loss = lost == 0 ? "nothing would be lost" : string.Create(CultureInfo.InvariantCulture, $"{lost} writes would be lost");
        string warnings = status.Warnings.Count switch { 0 => "", 1 => "; 1 warning", int many => string.Create(CultureInfo.InvariantCulture, $"; {many} warnings") };
        return $"{(status.Services.Count == 0 ? status.Role : string.Join(", ", roles))}; {members}; {loss}{warnings}";
    }
}
