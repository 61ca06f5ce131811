using Appliance.Multicast.Transport;

namespace Appliance.Tests;

/// <summary>Asks and changes on its thread what belongs to a loop.</summary>
internal static class LoopQuestions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Runs a function on the loop and waits for it; what it throws is thrown here.</summary>
    internal static T Ask<T>(this EventLoop loop, Func<T> function)
    {
        TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() =>
        {
            try
            {
                done.SetResult(function());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task.WaitAsync(Patience).GetAwaiter().GetResult();
    }

    /// <summary>Runs an action on the loop and waits for it; what it throws is thrown here.</summary>
    internal static void Do(this EventLoop loop, Action action) => loop.Ask(() =>
    {
        action();
        return true;
    });

    /// <summary>Waits until a condition holds on the loop; looks at it in every round that it causes.</summary>
    internal static void Await(this EventLoop loop, Func<bool> condition, string what)
    {
        DateTime deadline = DateTime.UtcNow + Patience;
        while (!loop.Ask(condition))
        {
            if (DateTime.UtcNow > deadline) throw new TimeoutException(what);
            Thread.Yield();
        }
    }
}
