package io.tandem.server;

import io.tandem.server.client.AdaptersCommand;
import io.tandem.server.client.FinetuneCommand;
import io.tandem.server.client.JobsCommand;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** The {@code tandem} command. */
@Command(
        name = "tandem",
        description = "Serves and fine-tunes large language models on the same device at the same time.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        subcommands = {
            ServeCommand.class,
            AdaptersCommand.class,
            FinetuneCommand.class,
            JobsCommand.class,
            AutoComplete.GenerateCompletion.class
        })
public final class Main {
    private Main() {}

    /** The version in the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"tandem " + (version == null ? "(not packaged)" : version)};
        }
    }

    public static void main(String[] args) {
        int status = run(args);
        if (status != 0) {
            System.exit(status);
        }
    }

    static int run(String... args) {
        CommandLine command = new CommandLine(new Main());
        command.setExecutionExceptionHandler((failure, line, parsed) -> {
            line.getErr().println("tandem: " + failure.getMessage());
            return 1;
        });
        if (args.length == 0) {
            command.usage(command.getOut());
            return 0;
        }
        return command.execute(args);
    }
}
