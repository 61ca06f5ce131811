using System.Globalization;

namespace Appliance.Configuration;

/// <summary>How many synchronised data members must have applied a write before it is answered: <c>0</c>, a number, or <c>majority</c>.</summary>
/// <param name="Count">The number; -1 stands for a majority of the group.</param>
public readonly record struct AcknowledgementRule(int Count)
{
    /// <summary>So many others that this node and they are a majority of the configured data members.</summary>
    public static readonly AcknowledgementRule Majority = new(-1);

    /// <summary>Others that must acknowledge in a group of so many data members, this node among them.</summary>
    public int RequiredOf(int dataMembers) => Count >= 0 ? Count : dataMembers / 2;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out AcknowledgementRule rule)
    {
        rule = Majority;
        if (text == "majority") return true;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count)) return false;
        rule = new AcknowledgementRule(count);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Count < 0 ? "majority" : Count.ToString(CultureInfo.InvariantCulture);
}
