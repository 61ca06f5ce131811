using Appliance.Multicast.Transport;

namespace Appliance.Host;

/// <summary>Questions to the loop thread from other threads.</summary>
internal static class LoopCalls
{
    /// <summary>Runs a function on the loop and gives its result.</summary>
    /// <exception cref="TimeoutException">The loop did not come to it in time.</exception>
    internal static async Task<T> AskAsync<T>(this EventLoop loop, Func<T> question, TimeSpan timeout)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() =>
        {
            try
            {
                answer.SetResult(question());
            }
            catch (Exception error)
            {
                answer.SetException(error); // the asker's failure, not the loop's
            }
        });
        try
        {
            return await answer.Task.WaitAsync(timeout).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"the node's loop has not answered for {timeout.TotalMilliseconds:0} ms");
        }
    }
}
