using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using Appliance.Multicast;

namespace Appliance.Host;

/// <summary>
/// Compiles what a node executes before it executes it. A secondary has never collected, cut, added an address or answered a client when it must do all of that within milliseconds; compiled at that
/// moment, it took 20 to 60 ms more. Any thread.
/// </summary>
/// <remarks>
/// Generic code is followed from where it is called, because nobody but its caller says for which types it is needed; other code of the framework comes compiled.
/// </remarks>
internal sealed class CompiledAhead
{
    // About twice what there is today: generic code that calls itself for ever larger types ends somewhere.
    private const int MaxMethods = 30_000;

    // What operators' commands, the laboratory and the configuration file need is used once or never in a node.
    private static readonly string[] Rooms = ["Backends", "Cluster", "Host", "Interop", "Listeners", "Multicast", "State"];

    private readonly HashSet<SharedCode> _known = [];
    private readonly Queue<MethodBase> _waiting = [];

    private CompiledAhead()
    {
    }

    /// <summary>Compiles; returns when it is done, after about a second of processor time for what is not compiled yet.</summary>
    /// <returns>How many methods are ready.</returns>
    internal static int Prepare()
    {
        var all = new CompiledAhead();
        foreach (Type type in typeof(CompiledAhead).Assembly.GetTypes().Concat(typeof(MulticastGroup).Assembly.GetTypes()))
        {
            if (type.Namespace is not { } room || !Array.Exists(Rooms, known => room == $"Appliance.{known}" || room.StartsWith($"Appliance.{known}.", StringComparison.Ordinal))) continue;
            foreach (MethodBase method in MethodsOf(type)) all.Want(method);
        }
        return all.PrepareWanted();
    }

    private int PrepareWanted()
    {
        int prepared = 0;
        while (_waiting.TryDequeue(out MethodBase? method))
        {
            try
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle, ArgumentsOf(method));
                prepared++;
                foreach (MethodBase called in MethodCalls.Of(method)) WantGeneric(called);
            }
            catch (Exception error) when (error is ArgumentException or InvalidOperationException or NotSupportedException or BadImageFormatException or TypeLoadException or IOException)
            {
                // It is compiled when it is called, as if nobody had asked.
            }
        }
        return prepared;
    }

    private void WantGeneric(MethodBase called)
    {
        Type? type = called.DeclaringType;
        if (!Array.Exists(type?.GetGenericArguments() ?? [], IsNew) && !(called.IsGenericMethod && Array.Exists(called.GetGenericArguments(), IsNew))) return;
        Want(called);
        if (!called.IsConstructor || type is null) return;
        // Who is made may be called through what it implements.
        for (Type? kind = type; kind is { IsConstructedGenericType: true }; kind = kind.BaseType)
            foreach (MethodBase method in MethodsOf(kind))
                if (method.IsVirtual) Want(method);
    }

    // The framework comes compiled for its own types, but neither for ours nor for tuples.
    private static bool IsNew(Type argument) =>
        argument.Assembly == typeof(CompiledAhead).Assembly || argument.Assembly == typeof(MulticastGroup).Assembly || argument.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true
        || (argument.IsConstructedGenericType && Array.Exists(argument.GetGenericArguments(), IsNew));

    private void Want(MethodBase method)
    {
        bool isCode = !method.IsAbstract && !method.ContainsGenericParameters && method.DeclaringType is { ContainsGenericParameters: false } && (method.MethodImplementationFlags & MethodImplAttributes.CodeTypeMask) == MethodImplAttributes.IL;
        if (isCode && _known.Count < MaxMethods && _known.Add(SharedCode.Of(method))) _waiting.Enqueue(method);
    }

    [SuppressMessage("Trimming", "IL2070", Justification = "The program is not trimmed.")]
    private static IEnumerable<MethodBase> MethodsOf(Type type)
    {
        const BindingFlags own = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        return type.GetMethods(own).Concat<MethodBase>(type.GetConstructors(own));
    }

    private static RuntimeTypeHandle[]? ArgumentsOf(MethodBase method)
    {
        IEnumerable<Type> ofType = method.DeclaringType!.GetGenericArguments(), ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : [];
        RuntimeTypeHandle[] all = [.. ofType.Concat(ofMethod).Select(static argument => argument.TypeHandle)];
        return all.Length == 0 ? null : all;
    }

    // Instantiations over reference types have their code in common.
    private readonly record struct SharedCode(Module Module, int Token, string Arguments)
    {
        internal static SharedCode Of(MethodBase method) =>
            new(method.Module, method.MetadataToken, Of(method.DeclaringType!.GetGenericArguments()) + Of(method.IsGenericMethod ? method.GetGenericArguments() : []));

        private static string Of(Type[] arguments) => arguments.Length == 0 ? "" : $"<{string.Join(',', arguments.Select(Of))}>";

        private static string Of(Type type) => !type.IsValueType ? "" : type.IsConstructedGenericType ? $"{type.GetGenericTypeDefinition().TypeHandle.Value}{Of(type.GetGenericArguments())}" : $"{type.TypeHandle.Value}";
    }
}
