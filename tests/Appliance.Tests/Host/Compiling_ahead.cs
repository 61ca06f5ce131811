using System.Reflection;
using Appliance.Host;

namespace Appliance.Tests.Appliance.Host;

/// <summary>A takeover does not wait for the compiler.</summary>
public sealed class Compiling_ahead
{
    [Fact]
    public void All_that_a_node_is_made_of_is_compiled_and_its_generic_code_ends_somewhere() => Assert.InRange(CompiledAhead.Prepare(), 5000, 29_999);

    [Fact]
    public void Generic_code_is_found_where_it_is_called()
    {
        MethodBase caller = typeof(Compiling_ahead).GetMethod(nameof(Caller), BindingFlags.NonPublic | BindingFlags.Static)!;
        string[] called = [.. MethodCalls.Of(caller).Select(static method => $"{method.DeclaringType!.Name}.{method.Name}")];
        Assert.Equal(["List`1..ctor", "List`1.Add", "Enumerable.Max"], called.Take(3));
    }

    [Fact]
    public void Every_kind_of_instruction_is_passed_over()
    {
        foreach (Type type in typeof(CompiledAhead).Assembly.GetTypes().Where(static type => !type.ContainsGenericParameters))
        {
            foreach (MethodInfo method in type.GetMethods(BindingFlags.DeclaredOnly | BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public))
                if (!method.ContainsGenericParameters) Assert.All(MethodCalls.Of(method), Assert.NotNull);
        }
    }

    private static TimeSpan Caller()
    {
        var spans = new List<TimeSpan>();
        spans.Add(TimeSpan.Zero);
        return spans.Max();
    }
}
