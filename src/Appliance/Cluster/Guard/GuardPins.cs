using System.Globalization;
using System.Text;
using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>The directory of one guard in a bpffs, locked by the process that owns it.</summary>
/// <remarks>
/// <code>
///  v1-addresses, v1-services        the maps
///  link-NETNS-INDEX-ingress|egress  TCX links: the attachment itself
///  made-NETNS-INDEX                 this guard made the clsact discipline of that interface
/// </code>
/// NETNS is the inode of the network namespace, INDEX the interface number in it. bpffs forbids dots in names (kernel/bpf/inode.c, bpf_lookup).
/// </remarks>
internal sealed class GuardPins : IDisposable
{
    private const string DefaultMount = "/sys/fs/bpf";
    private static readonly TimeSpan ForkPatience = TimeSpan.FromSeconds(1);
    private readonly SafeFileHandle _lock;
    private readonly string _namespace = NamespaceInode();

    private GuardPins(string path, SafeFileHandle directory)
    {
        Path = path;
        _lock = directory;
    }

    internal string Path { get; }

    internal string Addresses => Path + "/v1-addresses";

    internal string Services => Path + "/v1-services";

    internal string LinkPrefix => Path + "/link-";

    internal string Link(int interfaceIndex, GuardDirection direction) =>
        string.Create(CultureInfo.InvariantCulture, $"{LinkPrefix}{_namespace}-{interfaceIndex}-{(direction == GuardDirection.Ingress ? "ingress" : "egress")}");

    internal string Made(int interfaceIndex) => string.Create(CultureInfo.InvariantCulture, $"{Path}/made-{_namespace}-{interfaceIndex}");

    /// <summary>Opens or makes the directory, mounts a bpffs if there is none, and takes the lock.</summary>
    /// <exception cref="GuardException">No bpffs that lasts; not permitted; another user's; another process holds the guard.</exception>
    internal static GuardPins Open(GuardOptions options)
    {
        EnsureFileSystem(options.PinPath);
        string path = PathOf(options);
        Directory.CreateDirectory(options.PinPath);
        int made = KernelObjects.MakePrivateDirectory(path);
        return made is 0 or -Errno.Exists ? Lock(path) : throw GuardException.FromBpf($"make the directory {path}", made);
    }

    /// <summary>Opens the directory of an installed guard; null when there is none.</summary>
    /// <exception cref="GuardException">Another process holds the guard.</exception>
    internal static GuardPins? TryOpen(GuardOptions options) => Directory.Exists(PathOf(options)) ? Lock(PathOf(options)) : null;

    /// <summary>A bpffs is mounted where the path leads.</summary>
    internal static bool IsMounted(string pinPath) => KernelObjects.IsOnBpfFileSystem(NearestExisting(pinPath));

    /// <summary>Removes the directory at the path, and the bpffs if it was mounted for it; what another process uses meanwhile stays.</summary>
    internal static void GiveBack(string pinPath, bool wasMounted)
    {
        string mountPoint = MountPoint(pinPath);
        if (wasMounted || pinPath != mountPoint) _ = KernelObjects.RemoveDirectory(pinPath);
        if (wasMounted) return;
        // A child that another thread makes shares the descriptor of the directory until its exec: EBUSY for that moment.
        int result = 0;
        _ = Polling.Until(ForkPatience, () => (result = KernelObjects.UnmountIdle(mountPoint)) != -Errno.Busy);
        if (result >= 0 && mountPoint != DefaultMount) _ = KernelObjects.RemoveDirectory(mountPoint);
    }

    /// <summary>Whether a bpffs is at the path, lasts, and takes this process's pins; null when all is well, otherwise one sentence.</summary>
    internal static string? Obstacle(string pinPath)
    {
        string existing = NearestExisting(pinPath);
        if (!KernelObjects.IsOnBpfFileSystem(existing))
            return Capabilities.Has(Capabilities.SysAdmin) ? null : $"no bpffs at {pinPath}, and mounting one needs CAP_SYS_ADMIN: run 'mount -t bpf bpf {MountPoint(pinPath)}' as root, or let systemd mount it";
        if (!KernelObjects.MayFill(existing))
            return $"{Environment.UserName} may not make pins in {pinPath}: run 'chmod 711 {existing}; install -d -m 700 -o {Environment.UserName} {pinPath}' as root, or let systemd-tmpfiles do it at every start of the host (packaging/tmpfiles.conf)";
        return IsPrivate(existing) ? $"the bpffs at {existing} is mounted in this process's mount namespace alone and ends with it, and the guard with it: mount it in the namespace of process 1, and enter network namespaces with 'nsenter --net' instead of 'ip netns exec'" : null;
    }

    /// <summary>Pins so that the name never points to nothing: a pin of that name is replaced in one step.</summary>
    internal static void Pin(SafeFileHandle descriptor, string path)
    {
        string fresh = path + "-new";
        _ = KernelObjects.Unlink(fresh);
        int result = Bpf.Pin(descriptor, fresh);
        if (result >= 0) result = KernelObjects.Rename(fresh, path);
        if (result < 0) throw GuardException.FromBpf($"pin {path}", result);
    }

    /// <summary>Full paths of the pins that begin so.</summary>
    internal IEnumerable<string> Find(string prefix) => Directory.EnumerateFiles(Path).Where(path => path.StartsWith(prefix, StringComparison.Ordinal)).ToArray();

    /// <summary>Removes every pin and the directory: maps and links end with their last descriptor.</summary>
    internal void RemoveAll()
    {
        foreach (string pin in Find(Path)) _ = KernelObjects.Unlink(pin);
        Directory.Delete(Path);
    }

    /// <summary>Releases the lock; the pins stay.</summary>
    public void Dispose()
    {
        if (_lock.IsClosed) return;
        KernelObjects.Unlock(_lock);
        _lock.Dispose();
    }

    private static GuardPins Lock(string path)
    {
        int descriptor = KernelObjects.OpenDirectory(path);
        if (descriptor == -Errno.AccessDenied) throw new GuardException(GuardFault.BpfFileSystemMissing, $"the guard at {path} was made by another user: run 'chown -R {Environment.UserName} {path}' as root");
        if (descriptor < 0) throw GuardException.FromBpf($"open {path}", descriptor);
        SafeFileHandle directory = KernelObjects.Own(descriptor);
        int result = KernelObjects.TryLock(directory);
        if (result >= 0) return new GuardPins(path, directory);
        directory.Dispose();
        throw new GuardException(GuardFault.InUse, $"the guard at {path} belongs to another living process (perhaps frozen): end that process, or give this node another name or guard path");
    }

    private static void EnsureFileSystem(string pinPath)
    {
        string existing = NearestExisting(pinPath);
        if (!KernelObjects.IsOnBpfFileSystem(existing))
        {
            string mountPoint = MountPoint(pinPath);
            try
            {
                Directory.CreateDirectory(mountPoint);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new GuardException(GuardFault.BpfFileSystemMissing, $"cannot make the directory {mountPoint} to mount a bpffs: {exception.Message}");
            }
            int result = KernelObjects.MountBpfFileSystem(mountPoint);
            if (result < 0)
                throw new GuardException(GuardFault.BpfFileSystemMissing, $"there is no bpffs at {pinPath} and mounting one is refused ({Errno.Text(result)}): run 'mount -t bpf bpf {mountPoint}' as root, or let systemd mount it");
        }
        if (Obstacle(pinPath) is not { } obstacle) return;
        throw new GuardException(GuardFault.BpfFileSystemMissing, obstacle);
    }

    private static string MountPoint(string pinPath) => (pinPath + "/").StartsWith(DefaultMount + "/", StringComparison.Ordinal) ? DefaultMount : pinPath;

    private static string NearestExisting(string path)
    {
        while (!Directory.Exists(path)) path = System.IO.Path.GetDirectoryName(path) ?? "/";
        return path;
    }

    /// <summary>Process 1 does not have the bpffs that is seen here. A process that may not look takes it for shared.</summary>
    private static bool IsPrivate(string path)
    {
        string device = $" {KernelObjects.DeviceOf(path)} ";
        try
        {
            return !File.ReadLines("/proc/1/mountinfo").Any(line => line.Contains(device, StringComparison.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string PathOf(GuardOptions options)
    {
        if (options.PinPath.Length < 2 || options.PinPath[0] != '/') throw new GuardException(GuardFault.BadRequest, $"the guard path '{options.PinPath}' is not absolute");
        if (options.Name.Length == 0) throw new GuardException(GuardFault.BadRequest, "the guard needs a name");
        var name = new StringBuilder();
        foreach (byte letter in Encoding.UTF8.GetBytes(options.Name))
        {
            if (char.IsAsciiLetterOrDigit((char)letter) || letter == '-') name.Append((char)letter);
            else name.Append(CultureInfo.InvariantCulture, $"_{letter:x2}");
        }
        return $"{options.PinPath}/{name}";
    }

    /// <summary>"net:[4026531840]" gives 4026531840: unique among the living namespaces of a kernel.</summary>
    private static string NamespaceInode()
    {
        string target = new FileInfo("/proc/thread-self/ns/net").LinkTarget ?? throw new GuardException(GuardFault.Refused, "/proc is not mounted: the guard cannot tell in which network namespace it is");
        return target[(target.IndexOf('[', StringComparison.Ordinal) + 1)..^1];
    }
}
