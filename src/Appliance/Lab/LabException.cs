namespace Appliance.Lab;

/// <summary>The laboratory cannot do what was asked, for a reason that its user can mend.</summary>
/// <param name="message">One sentence.</param>
internal sealed class LabException(string message) : Exception(message);
