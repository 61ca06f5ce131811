namespace Appliance.Configuration;

/// <summary>What a changed file means for a running node.</summary>
/// <param name="Configuration">The running configuration with every reloadable setting as the new file has it.</param>
/// <param name="Applied">Changed settings that are in it: <c>[section] key = value</c>.</param>
/// <param name="NeedRestart">Changed settings that are not.</param>
internal sealed record ConfigurationReload(ApplianceConfiguration Configuration, IReadOnlyList<string> Applied, IReadOnlyList<string> NeedRestart)
{
    /// <summary>Compares a running configuration with a new one.</summary>
    internal static ConfigurationReload Compare(ApplianceConfiguration running, ApplianceConfiguration next)
    {
        var comparison = new Comparison();
        var merged = running with
        {
            Node = comparison.Merge("node", running.Node, next.Node, running.Node with { }),
            Group = comparison.Merge("group", running.Group, next.Group, running.Group with { }),
            Services = comparison.MergeAll("service", running.Services, next.Services, static service => service.Name, static service => service with { }),
            Listeners = comparison.MergeAll("listener", running.Listeners, next.Listeners, static listener => listener.Name, static listener => listener with { }),
            Backends = comparison.MergeAll("backend", running.Backends, next.Backends, static backend => backend.Name, static backend => backend with { }),
            Classes = comparison.MergeAll("class", running.Classes, next.Classes, static options => SettingReader.Words(options.Class.ToString()), static options => options with { }),
            Admin = comparison.Merge("admin", running.Admin, next.Admin, running.Admin with { }),
        };
        return new ConfigurationReload(merged, comparison.Applied, comparison.NeedRestart);
    }

    private sealed class Comparison
    {
        internal List<string> Applied { get; } = [];

        internal List<string> NeedRestart { get; } = [];

        internal T Merge<T>(string header, T running, T next, T copy) where T : class
        {
            foreach (SettingKey key in OptionsSchema.KeysOf(typeof(T)))
            {
                string before = SettingReader.Format(key.Property.GetValue(running)), after = SettingReader.Format(key.Property.GetValue(next));
                if (before == after) continue;
                (key.IsReloadable ? Applied : NeedRestart).Add($"[{header}] {key.Name} = {after}");
                if (key.IsReloadable) key.Property.SetValue(copy, key.Property.GetValue(next));
            }
            return copy;
        }

        internal List<T> MergeAll<T>(string kind, IReadOnlyList<T> running, IReadOnlyList<T> next, Func<T, string> name, Func<T, T> copy) where T : class
        {
            foreach (T added in next.Where(candidate => running.All(known => name(known) != name(candidate)))) NeedRestart.Add($"[{kind} {name(added)}] is new");
            var merged = new List<T>();
            foreach (T known in running)
            {
                T? changed = next.FirstOrDefault(candidate => name(candidate) == name(known));
                if (changed is null) NeedRestart.Add($"[{kind} {name(known)}] is gone");
                merged.Add(changed is null ? known : Merge($"{kind} {name(known)}", known, changed, copy(known)));
            }
            return merged;
        }
    }
}
