namespace Appliance.Tests.Shared;

/// <summary>The program that tests start as a process of its own.</summary>
public static class TestedProgram
{
    private const string Memory = "/dev/shm";

    // The nodes of a laboratory share one disk with everything else on this machine, whose writes can make a vote wait for longer than any bound of a failover.
    static TestedProgram()
    {
        if (Environment.IsPrivilegedProcess && System.IO.Directory.Exists(Memory)) Environment.SetEnvironmentVariable("APPLIANCE_LAB_DIRECTORY", $"{Memory}/appliance-lab");
    }

    /// <summary>Its full path: what APPLIANCE_PROGRAM names (<c>make test</c> names what <c>make build</c> made and operators get), otherwise the one built beside the tests.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("APPLIANCE_PROGRAM") is { Length: > 0 } named ? named : System.IO.Path.Combine(AppContext.BaseDirectory, "appliance");

    /// <summary>The directory that holds it and all that it needs.</summary>
    public static string Directory => System.IO.Path.GetDirectoryName(Path)!;
}
