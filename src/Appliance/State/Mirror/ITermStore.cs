namespace Appliance.State;

/// <summary>Terms of services, which outlive a restart. The simulator keeps them in memory.</summary>
internal interface ITermStore
{
    /// <summary>The newest term that was stored; 0 when none ever was.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there is no term.</exception>
    ulong ReadTerm(string service);

    /// <summary>Stores a term; it survives a loss of power when the call returns.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    void WriteTerm(string service, ulong term);

    /// <summary>Stores a term that another node begins and that this one has promised to respect, unless a newer one is stored; need not wait until it survives a loss of power.</summary>
    void WriteTermSoon(string service, ulong term) => WriteTerm(service, term);
}
