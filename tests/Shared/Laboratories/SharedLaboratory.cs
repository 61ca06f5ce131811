namespace Appliance.Tests.Shared.Laboratories;

/// <summary>One patient laboratory of three nodes for all tests of a class. Who uses it gives it back whole; after a test that cannot, the next gets another.</summary>
public sealed class SharedLaboratory : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private Laboratory? _lab;

    /// <summary>Lends it; disposing heals it, and demands that all nodes have converged.</summary>
    internal Loan Use() => new(this, _lab ??= Laboratory.Up(3, Laboratory.Patient));

    /// <inheritdoc/>
    public void Dispose() => _lab?.Dispose();

    internal sealed class Loan(SharedLaboratory owner, Laboratory lab) : IDisposable
    {
        public Laboratory Lab => lab;

        public void Dispose()
        {
            owner._lab = null;
            try
            {
                lab.Lab("heal");
                lab.AwaitConverged(Limit);
                owner._lab = lab;
            }
            finally
            {
                if (owner._lab is null) lab.Dispose();
            }
        }
    }
}
