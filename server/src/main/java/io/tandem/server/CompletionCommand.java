package io.tandem.server;

import java.io.PrintWriter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Completion for the shells that picocli can write a script for. Unlike picocli's own command, it ignores no option. */
@Command(
        name = "generate-completion",
        description = {
            "Prints a completion script for bash and zsh; there is none for fish and other shells.",
            "For the current shell:",
            "",
            "  source <(tandem generate-completion)",
            ""
        },
        mixinStandardHelpOptions = true)
final class CompletionCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        CommandSpec own = Objects.requireNonNull(spec);
        CommandLine tandem = own.root().commandLine();
        PrintWriter out = own.commandLine().getOut();
        out.println(AutoComplete.bash(tandem.getCommandName(), tandem));
        out.flush();
    }
}
