using System.Runtime.InteropServices;
using System.Text;

namespace Appliance.Interop;

/// <summary>The user database: getpwnam_r(3).</summary>
internal static unsafe partial class Users
{
    // struct passwd of glibc and musl on 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public nint Name;
        public nint Password;
        public uint UserId;
        public uint GroupId;
        public nint Comment;
        public nint Home;
        public nint Shell;
    }

    /// <summary>The numbers of a user and of its group; null when there is none of that name.</summary>
    internal static (uint User, uint Group)? Find(string name)
    {
        const int bufferBytes = 16 << 10;
        byte[] text = [.. Encoding.UTF8.GetBytes(name), 0];
        var buffer = new byte[bufferBytes];
        Entry entry;
        Entry* found = null;
        fixed (byte* start = text, memory = buffer)
        {
            int error = getpwnam_r(start, &entry, memory, bufferBytes, &found);
            return error == 0 && found != null ? (entry.UserId, entry.GroupId) : null;
        }
    }

    [LibraryImport("libc")]
    private static partial int getpwnam_r(byte* name, Entry* entry, byte* buffer, nuint bytes, Entry** found);
}
