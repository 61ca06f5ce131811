using System.Diagnostics;
using System.Globalization;
using System.Net;
using Appliance.Cluster.Guard;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Host;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>The process of <see cref="GuardHolderProgram"/>.</summary>
internal sealed class GuardHolder : IDisposable
{
    /// <summary>In place of capabilities to drop: a mount namespace of the process's own.</summary>
    internal const string PrivateMounts = "private-mounts";

    /// <summary>In place of capabilities to drop: as the unit starts the program.</summary>
    internal const string Unprivileged = "unprivileged";

    private readonly Process _process;

    internal GuardHolder(TestNamespace host, GuardOptions options, string link, TimeSpan lease, params IPAddress[] addresses) : this(host, options, link, lease, "", addresses)
    {
    }

    /// <param name="restriction">Capabilities that the process starts without, as setpriv(1) takes them; or <see cref="PrivateMounts"/> or <see cref="Unprivileged"/>.</param>
    internal GuardHolder(TestNamespace host, GuardOptions options, string link, TimeSpan lease, string restriction, params IPAddress[] addresses)
    {
        string directory = restriction == Unprivileged ? UnprivilegedUser.ReadableCopy : AppContext.BaseDirectory;
        string assembly = Path.Combine(directory, "Appliance.Appliance.Tests.dll");
        string[] arguments =
        [
            "dotnet", "exec", assembly, "hold-guard", options.PinPath, options.Name, options.Attachment.ToString(), link,
            ((int)lease.TotalMilliseconds).ToString(CultureInfo.InvariantCulture), string.Join(',', addresses.Select(static address => address.ToString())),
        ];
        string[] command = restriction switch
        {
            "" => arguments,
            Unprivileged => [.. UnprivilegedUser.Launcher, .. arguments],
            PrivateMounts => ["unshare", "--mount", .. arguments],
            _ => ["setpriv", "--inh-caps", restriction, "--bounding-set", restriction, .. arguments],
        };
        // nsenter and not `ip netns exec`, which makes a mount namespace of its own.
        _process = Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{host.Name}", .. command]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        FirstLine = _process.StandardOutput.ReadLine() ?? "";
    }

    /// <summary>"holding", or why not.</summary>
    internal string FirstLine { get; }

    /// <summary>SIGSTOP, and waits until the kernel has stopped it.</summary>
    internal void Freeze()
    {
        TestKernel.Signal(_process.Id, TestKernel.Stop);
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText($"/proc/{_process.Id}/stat").Contains(") T ", StringComparison.Ordinal), TimeSpan.FromSeconds(10)));
    }

    internal void Thaw() => TestKernel.Signal(_process.Id, TestKernel.Continue);

    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }
}
