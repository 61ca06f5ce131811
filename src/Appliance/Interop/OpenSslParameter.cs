using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>OSSL_PARAM(3ossl): a named value for an algorithm; a row without a name ends an array of them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OpenSslParameter
{
    private const uint Utf8String = 4; // OSSL_PARAM_UTF8_STRING

    private byte* _key;
    private uint _type;
    private void* _data;
    private nuint _bytes;
    private nuint _returned;

    /// <summary>A text; both names must stay where they are.</summary>
    internal static OpenSslParameter Text(byte* key, byte* value, int length) => new() { _key = key, _type = Utf8String, _data = value, _bytes = (nuint)length, _returned = nuint.MaxValue };
}
