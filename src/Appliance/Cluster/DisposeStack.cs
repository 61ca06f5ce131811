namespace Appliance.Cluster;

/// <summary>Releases what a set-up of several steps has taken so far when a later step fails, last first.</summary>
internal sealed class DisposeStack : IDisposable
{
    private readonly Stack<IDisposable> _taken = new();

    internal T Add<T>(T item) where T : IDisposable
    {
        _taken.Push(item);
        return item;
    }

    /// <summary>The set-up succeeded: nothing is released.</summary>
    internal void Keep() => _taken.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_taken.TryPop(out IDisposable? item)) item.Dispose();
    }
}
