using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>if_nametoindex(3).</summary>
internal static partial class NetworkCards
{
    /// <summary>The kernel's number of a network card; 0 when there is none of that name.</summary>
    internal static int IndexOf(string name) => (int)if_nametoindex(name);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);
}
