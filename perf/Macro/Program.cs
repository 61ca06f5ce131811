using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Appliance.Perf.Macro;

IScenario[] scenarios = [.. Assembly.GetExecutingAssembly().GetTypes()
    .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IScenario)))
    .Select(type => (IScenario)Activator.CreateInstance(type)!)
    .OrderBy(scenario => scenario.Name, StringComparer.Ordinal)];

var scenario = args.Length == 0 ? null : scenarios.FirstOrDefault(candidate => candidate.Name == args[0]);
int jsonOption = Array.IndexOf(args, "--json");
if (scenario is null || (jsonOption >= 0 && jsonOption + 1 >= args.Length))
{
    Console.Error.WriteLine("usage: Macro SCENARIO [--quick] [--json FILE]");
    foreach (var known in scenarios) Console.Error.WriteLine($"  {known.Name,-12} {known.Summary}");
    return 2;
}

var figures = new List<Figure>();
foreach (var figure in scenario.Run(new ScenarioOptions(args.Contains("--quick"))))
{
    figures.Add(figure);
    string ratio = figure.Ratio is { } value ? value.ToString("0.00x", CultureInfo.InvariantCulture) : "";
    string verdict = figure.Met is { } met ? $"{(figure.TargetIsLimit ? "at most" : "at least")} {figure.Target} {(met ? "met" : "MISSED")}" : "";
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{scenario.Name} {figure.Name,-48} {figure.Median,12:0.###} {figure.Unit,-12} +-{figure.Spread,5:P0} {ratio,8} {verdict}"));
}

if (jsonOption >= 0)
{
    var document = new { scenario = scenario.Name, results = figures };
    File.WriteAllText(args[jsonOption + 1], JsonSerializer.Serialize(document, new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }) + "\n");
}
return 0;
