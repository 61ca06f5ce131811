namespace Appliance.Configuration;

/// <summary>Marks the property that takes the name from the section's header; it is no key of the section.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SectionNameAttribute : Attribute;
