using System.CommandLine;
using Appliance.Configuration;

namespace Appliance.Commands;

/// <summary><c>appliance keygen FILE</c>: makes and changes the group's key file.</summary>
internal static class KeygenCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file") { Description = "Key file, the same on all nodes", DefaultValueFactory = static _ => new GroupOptions().KeyFile };
        var add = new Option<bool>("--add") { Description = "Add a key that opens but does not seal yet (first step of a rotation)" };
        var promote = new Option<bool>("--promote") { Description = "Let the newest key seal (second step, once every node has it)" };
        var retire = new Option<bool>("--retire") { Description = "Drop all keys but the one that seals (third step)" };
        var command = new Command("keygen", "Make the group's key file, or rotate its keys") { file, add, promote, retire };
        command.Validators.Add(result =>
        {
            if (new[] { add, promote, retire }.Count(result.GetValue) > 1) result.AddError("--add, --promote and --retire are three steps: one at a time");
        });
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(file);
            KeyFile keys = parsed.GetValue(add) ? Existing(path).WithNewKey()
                : parsed.GetValue(promote) ? Existing(path).WithLastPromoted()
                : parsed.GetValue(retire) ? Existing(path).WithFirstOnly()
                : New(path);
            Save(keys, path);
            parsed.InvocationConfiguration.Output.WriteLine($"{path}: {keys.Keys[0]} seals{(keys.Keys.Count > 1 ? $"; {string.Join(", ", keys.Keys.Skip(1))} open too" : "")}");
            return ExitCode.Done;
        });
        return command;
    }

    private static KeyFile New(string path) =>
        File.Exists(path) ? throw new CommandException($"{path} exists: it is not overwritten, since the group could not read its members any more (--add begins a rotation)") : KeyFile.Generate(1);

    private static KeyFile Existing(string path)
    {
        (KeyFile? keys, string? problem) = KeyFile.Load(path);
        return keys ?? throw new CommandException(problem!);
    }

    private static void Save(KeyFile keys, string path)
    {
        if (keys.Keys.Count > KeyFile.MaxKeys) throw new CommandException($"{path} holds {KeyFile.MaxKeys} keys already: run 'appliance keygen --retire {path}' first");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            keys.Save(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be written: {error.Message}");
        }
    }
}
