using Appliance.Configuration;

namespace Appliance.State;

/// <summary>What is promised about each class, and which class a key belongs to. Immutable; replaced as a whole at a reload.</summary>
internal sealed class ClassPolicies
{
    private readonly Policy[] _policies = new Policy[RecordCodec.ClassCount];
    private readonly (KeyPattern Pattern, RecordClass Class)[] _patterns;

    /// <param name="classes">One for each class; those that are missing have their defaults.</param>
    /// <param name="dataMembers">Configured data members, this node among them: what a majority is counted of.</param>
    internal ClassPolicies(IReadOnlyList<ClassOptions> classes, int dataMembers)
    {
        foreach (RecordClass recordClass in Enum.GetValues<RecordClass>())
        {
            ClassOptions options = classes.FirstOrDefault(options => options.Class == recordClass) ?? ClassOptions.DefaultsOf(recordClass);
            _policies[(int)recordClass] = new Policy(options.Acks.RequiredOf(dataMembers), options.WhenShort == WhenShort.Accept, options.Evict == Eviction.Oldest);
            if (options.AckTimeout > AcknowledgementTimeout) AcknowledgementTimeout = options.AckTimeout;
        }
        _patterns = [.. from options in classes
                        where options.Class != RecordClass.Application
                        from key in options.Keys
                        select (new KeyPattern(key), options.Class)];
    }

    /// <summary>What is promised about one class.</summary>
    /// <param name="Acknowledgements">Others that must have applied a write before it is answered.</param>
    /// <param name="AcceptsWhenShort">Too few others: the write is accepted with those that there are, and counted.</param>
    /// <param name="EvictsOldest">Memory full: the oldest of the class make room; otherwise the write is refused.</param>
    internal readonly record struct Policy(int Acknowledgements, bool AcceptsWhenShort, bool EvictsOldest);

    /// <summary>The longest of the classes' time-outs.</summary>
    internal TimeSpan AcknowledgementTimeout { get; } = TimeSpan.FromMilliseconds(1);

    /// <summary>The smallest number of acknowledgements that some class asks for; 0 when none asks for any. Decides how many survivors a recovering primary must hear.</summary>
    internal int SmallestPromise => _policies.Where(static policy => policy.Acknowledgements > 0).Select(static policy => policy.Acknowledgements).DefaultIfEmpty(0).Min();

    /// <summary>What is promised about a class.</summary>
    internal Policy Of(RecordClass recordClass) => _policies[(int)recordClass];

    /// <summary>The class that a key belongs to: the first pattern that matches decides, in the order of the classes.</summary>
    internal RecordClass ClassOf(ReadOnlySpan<byte> key)
    {
        foreach ((KeyPattern pattern, RecordClass recordClass) in _patterns)
            if (pattern.Matches(key)) return recordClass;
        return RecordClass.Application;
    }
}
