package io.tandem.server;

import io.tandem.server.client.AdaptersCommand;
import io.tandem.server.client.FinetuneCommand;
import io.tandem.server.client.JobsCommand;
import io.tandem.server.client.TenantsCommand;
import java.nio.file.FileSystemException;
import java.util.Locale;
import org.slf4j.bridge.SLF4JBridgeHandler;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.UnmatchedArgumentException;

/** The {@code tandem} command. */
@Command(
        name = "tandem",
        description = "Serves and fine-tunes large language models on the same device at the same time.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        subcommands = {
            ServeCommand.class,
            DoctorCommand.class,
            DevicesCommand.class,
            RecurseCommand.class,
            AdaptersCommand.class,
            FinetuneCommand.class,
            JobsCommand.class,
            TenantsCommand.class,
            CopyDocumentsCommand.class,
            CopyBlobsCommand.class,
            CompletionCommand.class
        })
public final class Main {
    private Main() {}

    /** The version in the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {version()};
        }
    }

    /** Name and version. */
    static String version() {
        return "tandem " + number();
    }

    /** The version alone. */
    static String number() {
        String version = Main.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    public static void main(String[] args) {
        // One log, in one format, of all libraries.
        SLF4JBridgeHandler.removeHandlersForRootLogger();
        SLF4JBridgeHandler.install();
        // Threads of libraries that are still there must not keep a process whose work is done.
        System.exit(run(args));
    }

    /** The command with all its subcommands; what goes wrong is said in a line or two. */
    static CommandLine commandLine() {
        CommandLine command = new CommandLine(new Main());
        command.setExecutionExceptionHandler((failure, line, parsed) -> {
            line.getErr().println("tandem: " + message(failure));
            return CommandLine.ExitCode.SOFTWARE;
        });
        // Forty lines of help would push the one that matters off the screen.
        command.setParameterExceptionHandler((wrong, parsed) -> {
            CommandLine line = wrong.getCommandLine();
            line.getErr().println("tandem: " + wrong.getMessage());
            UnmatchedArgumentException.printSuggestions(wrong, line.getErr());
            line.getErr()
                    .printf(
                            "'%s --help' explains how to use it.%n",
                            line.getCommandSpec().qualifiedName());
            return CommandLine.ExitCode.USAGE;
        });
        return command;
    }

    /** Exceptions of the file system have the file as their message, and what is wrong with it as their name. */
    private static String message(Exception failure) {
        if (failure instanceof FileSystemException system && system.getReason() == null) {
            String what = failure.getClass().getSimpleName().replace("Exception", "");
            return system.getFile() + ": "
                    + what.replaceAll("([a-z])([A-Z])", "$1 $2").toLowerCase(Locale.ROOT);
        }
        return failure.getMessage() == null ? failure.toString() : failure.getMessage();
    }

    static int run(String... args) {
        CommandLine command = commandLine();
        if (args.length == 0) {
            command.usage(command.getOut());
            return 0;
        }
        return command.execute(args);
    }
}
