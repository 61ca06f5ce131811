using System.Reflection;
using System.Runtime.Loader;
using Appliance.Tests.Shared;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>Which of the product's sources are compiled into mutants.</summary>
internal enum MutationTarget
{
    /// <summary>The engine of the group (src/Multicast).</summary>
    Engine,

    /// <summary>The state and its mirror (src/Appliance/State), above the engine as it was built.</summary>
    Mirror,

    /// <summary>The elections (src/Appliance/Cluster/Elections), above the engine as it was built.</summary>
    Elections,
}

/// <summary>
/// Compiles real sources together with the simulator's into one assembly in memory, with one text replaced. So the product carries no hooks for tests, and a mutant is exactly the product
/// but for one broken rule.
/// </summary>
/// <remarks>The assembly has the tests' name, so that it may use what it does not contain of the built product; where both define a type, the compiler takes the source.</remarks>
internal sealed class MutantCompiler
{
    private const string GlobalUsings =
        "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;";

    // The one native area that the engine itself uses. The generator of LibraryImport does not run here; its plain signatures need none.
    private const string Cryptography = "src/Multicast/Interop/AesGcmContext.cs";

    private static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Preview);
    private readonly CSharpCompilation _original;
    private readonly string _entry;
    private readonly Lazy<Func<ulong, string, CancellationToken, string?>> _loaded;
    private readonly Dictionary<string, SyntaxTree> _trees = new(StringComparer.Ordinal);

    internal MutantCompiler(MutationTarget target)
    {
        (_entry, IEnumerable<string> files) = target switch
        {
            MutationTarget.Engine => ("Appliance.Tests.Simulation.SimulationEntry", EngineFiles()),
            MutationTarget.Mirror => ("Appliance.Tests.Simulation.Mirroring.MirrorEntry", MirrorFiles()),
            _ => ("Appliance.Tests.Simulation.Elections.ElectionEntry", Below("src/Appliance/Cluster/Elections").Concat(SimulatorFiles("/Mirroring/"))),
        };
        foreach (string path in files) _trees.Add(path, Parse(path, Read(path)));
        CSharpCompilationOptions options = new(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable);
        _original = CSharpCompilation.Create(typeof(MutantCompiler).Assembly.GetName().Name, [.. _trees.Values, Parse("GlobalUsings.cs", GlobalUsings)], References(), options);
        _loaded = new Lazy<Func<ulong, string, CancellationToken, string?>>(() => Load(null));
    }

    /// <summary>Runs a seed of the product as it is.</summary>
    internal Func<ulong, string, CancellationToken, string?> Original => _loaded.Value;

    /// <summary>Compiles and loads; without a mutation the product as it is.</summary>
    /// <returns>Runs a seed, if its plan is of the kind: null, or why it failed.</returns>
    internal Func<ulong, string, CancellationToken, string?> Load(Mutation? mutation)
    {
        CSharpCompilation compilation = _original;
        if (mutation is not null)
        {
            if (!_trees.TryGetValue(mutation.File, out SyntaxTree? tree))
                throw new InvalidOperationException($"mutation '{mutation.Name}': {mutation.File} is not among the sources");
            compilation = compilation.ReplaceSyntaxTree(tree, Parse(mutation.File, mutation.Apply(tree.ToString())));
        }
        using MemoryStream image = new();
        EmitResult result = compilation.Emit(image);
        if (!result.Success)
        {
            IEnumerable<Diagnostic> errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(5);
            throw new InvalidOperationException($"{mutation?.Name ?? "the original"} does not compile:\n{string.Join('\n', errors)}");
        }
        image.Position = 0;
        // Not collectible: code that can be unloaded runs slower, and once met a null reference of the runtime's where no reference was.
        var context = new AssemblyLoadContext(mutation?.Name ?? "original");
        Type entry = context.LoadFromStream(image).GetType(_entry, throwOnError: true)!;
        return entry.GetMethod("Run", BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<Func<ulong, string, CancellationToken, string?>>();
    }

    private static string Read(string path)
    {
        string text = File.ReadAllText(RepositoryRoot.File(path));
        return path != Cryptography ? text
            : text.Replace("[LibraryImport(", "[DllImport(", StringComparison.Ordinal).Replace("private static partial ", "private static extern ", StringComparison.Ordinal);
    }

    private static SyntaxTree Parse(string path, string text) => CSharpSyntaxTree.ParseText(text, ParseOptions, path);

    private static IEnumerable<string> EngineFiles()
    {
        foreach (string path in Below("src/Multicast"))
        {
            bool needsLinux = (path.Contains("/Interop/", StringComparison.Ordinal) && path != Cryptography) || path.Contains("/Transport/", StringComparison.Ordinal);
            bool isAboveEngine = Path.GetDirectoryName(path) == "src/Multicast" && File.ReadAllText(RepositoryRoot.File(path)).Contains("Appliance.Multicast.Transport", StringComparison.Ordinal);
            if (!needsLinux && !isAboveEngine) yield return path;
        }
        foreach (string path in SimulatorFiles("/Mirroring/", "/Elections/")) yield return path;
    }

    private static IEnumerable<string> MirrorFiles()
    {
        foreach (string path in Below("src/Appliance/State"))
        {
            bool needsSockets = Path.GetFileName(path) is "SealedSyncChannel.cs" or "SealedSyncTransport.cs" or "SynchronisationServer.cs";
            if (!needsSockets) yield return path;
        }
        yield return "src/Appliance/Configuration/AcknowledgementRule.cs";
        yield return "src/Appliance/Configuration/ClassOptions.cs"; // it names the classes of the state
        foreach (string path in SimulatorFiles("/Elections/")) yield return path;
    }

    private static IEnumerable<string> SimulatorFiles(params string[] but)
    {
        foreach (string path in Below("tests/Simulation.Tests"))
        {
            bool usesXunit = path.EndsWith("Tests.cs", StringComparison.Ordinal) || path.EndsWith("Minimums.cs", StringComparison.Ordinal);
            if (!usesXunit && !path.Contains("/Mutations/", StringComparison.Ordinal) && !but.Any(folder => path.Contains(folder, StringComparison.Ordinal))) yield return path;
        }
    }

    private static IEnumerable<string> Below(string folder) =>
        Directory.EnumerateFiles(RepositoryRoot.File(folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(RepositoryRoot.Path, path))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static IEnumerable<MetadataReference> References() =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) != Path.GetFileName(typeof(MutantCompiler).Assembly.Location) && !Path.GetFileName(path).StartsWith("xunit", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path));
}
