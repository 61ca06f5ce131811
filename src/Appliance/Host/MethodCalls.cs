using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Appliance.Host;

/// <summary>Which methods a method names, from its instructions (ECMA-335, partition III).</summary>
internal static class MethodCalls
{
    private const byte TwoBytes = 0xFE;
    private static readonly Dictionary<int, OpCode> Codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => (OpCode)field.GetValue(null)!).ToDictionary(static code => (int)(ushort)code.Value);

    /// <summary>Called, made, or taken the address of; with the types that this method is instantiated for.</summary>
    /// <exception cref="ArgumentException">An instruction names something that is not there.</exception>
    internal static IEnumerable<MethodBase> Of(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        Type[] typeArguments = method.DeclaringType!.GetGenericArguments(), methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (int at = 0; at < code.Length;)
        {
            OpCode operation = Codes[code[at] == TwoBytes ? TwoBytes << 8 | code[at + 1] : code[at]];
            at += operation.Size;
            if (operation.OperandType == OperandType.InlineMethod && method.Module.ResolveMethod(Int32At(code, at), typeArguments, methodArguments) is { } called) yield return called;
            at += OperandBytes(operation.OperandType, code, at);
        }
    }

    private static int OperandBytes(OperandType type, byte[] code, int at) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + 4 * Int32At(code, at),
        _ => 4,
    };

    private static int Int32At(byte[] code, int at) => BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at));
}
