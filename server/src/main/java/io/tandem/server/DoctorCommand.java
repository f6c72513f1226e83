package io.tandem.server;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.LoadProgress;
import io.tandem.server.Checkup.Finding;
import io.tandem.server.Checkup.Weight;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.remote.Hub;
import io.tandem.server.remote.HubName;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tandem doctor}: whether a model can be served here, before anything starts. */
@Command(
        name = "doctor",
        description = "Says whether a model can be served on this machine, what it takes, and what will not work."
                + " Loads no weights.",
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "Exit status:%n",
        exitCodeList = {"0:The model can be served.", "1:It cannot."})
final class DoctorCommand implements Callable<Integer> {
    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final ModelOptions options = new ModelOptions();

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Option(names = "--download", description = "Download the weights of a model of the hub, to check them too.")
    private boolean download;

    /** Why the weights cannot be looked at; empty if they can. */
    private String absent = "";

    @Override
    public Integer call() throws IOException {
        ServerConfig config = options.load(Map.of(), download ? Hub::model : this::outline);
        List<Finding> findings = Checkup.of(config, absent);
        boolean served = findings.stream().noneMatch(finding -> finding.weight() == Weight.FAULT);
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        if (json) {
            out.println(json(served, findings).toPrettyString());
        } else {
            findings.forEach(finding -> out.printf("%-20s%s%n", label(finding), finding.text()));
            out.printf("%n'%s' can%s be served.%n", config.servedName(), served ? "" : "not");
        }
        out.flush();
        return served ? 0 : 1;
    }

    /** Gigabytes are not for those who only ask. */
    private Path outline(Hub hub, HubName name, LoadProgress progress) throws IOException {
        Hub.Outline outline = hub.outline(name, progress);
        if (outline.missingBytes() > 0) {
            absent = String.format(
                    Locale.ROOT,
                    "%.2f GB, neither downloaded nor checked; --download does both",
                    outline.missingBytes() / 1e9);
        }
        return outline.snapshot();
    }

    private static String label(Finding finding) {
        return switch (finding.weight()) {
                    case FACT -> "  ";
                    case WARNING -> "! ";
                    case FAULT -> "X ";
                }
                + finding.about();
    }

    private static ObjectNode json(boolean served, List<Finding> findings) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode().put("served", served);
        ArrayNode list = json.putArray("findings");
        for (Finding finding : findings) {
            list.addObject()
                    .put("about", finding.about())
                    .put("weight", finding.weight().name().toLowerCase(Locale.ROOT))
                    .put("text", finding.text());
        }
        return json;
    }
}
