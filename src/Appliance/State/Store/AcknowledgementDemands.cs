namespace Appliance.State;

/// <summary>What one class asks for before a write is answered.</summary>
/// <param name="Acknowledgements">Others that must have applied it; 0 for none.</param>
/// <param name="AcceptsWhenShort">Too few others: those that there are suffice.</param>
internal readonly record struct AcknowledgementDemand(int Acknowledgements, bool AcceptsWhenShort);

/// <summary>What the classes of the writes in one datagram ask for, as they were configured when it was published: one byte for each class.</summary>
internal readonly struct AcknowledgementDemands
{
    private const int BitsPerClass = 8;
    private const uint InsistsBit = 0x80, CountBits = 0x7F; // a group has at most 64 members
    private readonly uint _bits;

    private AcknowledgementDemands(uint bits) => _bits = bits;

    /// <summary>Nobody waits.</summary>
    internal bool IsNone => _bits == 0;

    /// <summary>Some class accepts fewer than it asks for.</summary>
    internal bool AnyAccepts
    {
        get
        {
            for (uint bits = _bits; bits != 0; bits >>= BitsPerClass)
                if ((bits & CountBits) != 0 && (bits & InsistsBit) == 0) return true;
            return false;
        }
    }

    /// <summary>Whether a class asks for something.</summary>
    internal bool Has(int recordClass) => (_bits >> recordClass * BitsPerClass & CountBits) != 0;

    /// <summary>What a class asks for.</summary>
    internal AcknowledgementDemand Of(int recordClass)
    {
        uint bits = _bits >> recordClass * BitsPerClass;
        return new AcknowledgementDemand((int)(bits & CountBits), (bits & InsistsBit) == 0);
    }

    /// <summary>The same and one write more of a class; the stricter demand counts.</summary>
    internal AcknowledgementDemands With(RecordClass recordClass, in ClassPolicies.Policy policy)
    {
        if (policy.Acknowledgements == 0) return this;
        uint bits = (uint)policy.Acknowledgements | (policy.AcceptsWhenShort ? 0 : InsistsBit);
        return With(new AcknowledgementDemands(bits << (int)recordClass * BitsPerClass));
    }

    /// <summary>The stricter of both for each class.</summary>
    internal AcknowledgementDemands With(AcknowledgementDemands other)
    {
        uint bits = 0;
        for (int shift = 0; shift < sizeof(uint) * BitsPerClass; shift += BitsPerClass)
        {
            uint one = _bits >> shift, two = other._bits >> shift;
            bits |= (Math.Max(one & CountBits, two & CountBits) | ((one | two) & InsistsBit)) << shift;
        }
        return new AcknowledgementDemands(bits);
    }
}
