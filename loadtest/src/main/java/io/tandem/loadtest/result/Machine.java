package io.tandem.loadtest.result;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Locale;

/** Writes {@code machine.txt}: where, when and how a result was measured. Arguments: a directory, and the command. */
public final class Machine {
    private static final String FILE = "machine.txt";
    private static final double GIGA = 1 << 30;

    private Machine() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        String command = String.join(" ", Arrays.copyOfRange(args, 1, args.length));
        Path directory = Files.createDirectories(Path.of(args[0]));
        Files.writeString(directory.resolve(FILE), description(command));
    }

    private static String description(String command) throws IOException, InterruptedException {
        var system = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
        return String.format(
                Locale.ROOT,
                """
                processor  %s (%s), %d cores
                memory     %.0f GiB
                system     %s %s, %s
                Java       %s %s
                commit     %s
                date       %s
                command    %s
                """,
                Processor.name(),
                Processor.kind(),
                Runtime.getRuntime().availableProcessors(),
                system.getTotalMemorySize() / GIGA,
                System.getProperty("os.name"),
                System.getProperty("os.version"),
                System.getProperty("os.arch"),
                System.getProperty("java.vm.name"),
                System.getProperty("java.version"),
                commit(),
                LocalDate.now(ZoneOffset.UTC),
                command);
    }

    private static String commit() throws IOException, InterruptedException {
        Process git = new ProcessBuilder("git", "describe", "--always", "--dirty").start();
        try (InputStream output = git.getInputStream()) {
            String text = new String(output.readAllBytes(), StandardCharsets.UTF_8).strip();
            return git.waitFor() == 0 ? text : "unknown";
        }
    }
}
