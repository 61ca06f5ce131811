using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>An operator drills: the service moves under real sessions, nothing acknowledged is lost, and the report says how long it took.</summary>
public sealed class Drills
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [RootFact]
    public void Two_rounds_of_a_pulled_cable_lose_nothing_and_show_the_gap()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        JsonElement report = Drill(lab, "--pull", "front", "--times", "2");

        Assert.Equal(("demo", "pull", "front"), (Text(report, "service"), Text(report, "fault"), Text(report, "card")));
        JsonElement[] rounds = [.. report.GetProperty("rounds").EnumerateArray()];
        Assert.Equal(2, rounds.Length);
        foreach (JsonElement round in rounds)
        {
            Assert.NotEqual(Text(round, "primary"), Text(round, "successor"));
            AssertServed(round);
            Assert.Equal(["state", "web"], round.GetProperty("listeners").EnumerateArray().Select(static listener => Text(listener, "name")).Order());
        }
        Assert.Equal(Text(rounds[0], "successor"), Text(rounds[1], "primary"));
        Assert.True(report.GetProperty("passed").GetBoolean(), report.ToString());
        Assert.True(report.GetProperty("gap").GetProperty("p50Ms").GetDouble() <= report.GetProperty("gap").GetProperty("p99Ms").GetDouble());

        JsonElement kept = Assert.Single(JsonDocument.Parse(Shell.Run(Laboratory.Program, "drill", "--history", "--json", "--name", lab.Name)).RootElement.EnumerateArray());
        Assert.Equal(report.ToString(), kept.ToString());
    }

    [RootFact]
    public void A_killed_primary_is_a_secondary_again_and_the_phases_add_up_to_the_gap()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        JsonElement round = Assert.Single(Drill(lab, "--kill", "--service", "second").GetProperty("rounds").EnumerateArray());

        AssertServed(round);
        string[] phases = ["detectionMs", "electionMs", "collectMs", "cutMs", "addressMs", "firstByteMs"];
        double sum = phases.Select(phase => round.GetProperty(phase)).Where(static span => span.ValueKind == JsonValueKind.Number).Sum(static span => span.GetDouble());
        if (Text(round, "kind") is not null) Assert.Equal(round.GetProperty("gapMs").GetDouble(), sum, 2); // else a stall of this machine was longer than the takeover
        Assert.Equal(0, round.GetProperty("survived").GetInt32());
    }

    private static void AssertServed(JsonElement round)
    {
        Assert.Equal(JsonValueKind.Null, round.GetProperty("failure").ValueKind);
        Assert.True(round.GetProperty("returned").GetBoolean());
        Assert.True(round.GetProperty("gapMs").GetDouble() > 0);
        Assert.True(round.GetProperty("latenessMs").GetDouble() >= 0);
        Assert.True(round.GetProperty("acknowledged").GetInt32() >= 20);
        Assert.Equal(0, round.GetProperty("lost").GetInt32());
    }

    private static JsonElement Drill(Laboratory lab, params string[] arguments)
    {
        Shell.Outcome outcome = Shell.Try(Limit, Laboratory.Program, ["drill", "--name", lab.Name, "--json", .. arguments]);
        Assert.True(outcome.ExitCode == 0, $"the drill ended with {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
        return JsonDocument.Parse(outcome.Output).RootElement;
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
