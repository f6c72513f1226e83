package io.tandem.loadtest.expert;

import io.tandem.kernels.pretrain.ExpertFiles;
import io.tandem.kernels.pretrain.PretrainCommand;
import io.tandem.kernels.pretrain.PretrainSettings;
import io.tandem.loadtest.ServerProcess;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/**
 * What merging keeps of real experts: a skill that was taught in English beside a language, and two to six skills. All of
 * it with a base model that knows English and a sister language, which is made if it is not there.
 */
@Command(
        name = "experts",
        mixinStandardHelpOptions = true,
        description = {
            "Teaches experts in skills and in a language, merges them, and examines what the merges know.",
            "The base model knows two languages; if it is not there it is made first, which takes some minutes."
        })
public final class ExpertMerging implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final Path SAMPLE = Path.of("config/models/sample");
    private static final Path FILES = Path.of("loadtest/target/experts");

    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "loadtest/target/bilingual",
            description = "A bilingual model; default ${DEFAULT-VALUE}.")
    private Path model = Path.of("");

    @Option(
            names = "--skills",
            paramLabel = "SKILL",
            split = ",",
            defaultValue = "json,pig-latin,reverse,stars,doubling,sums",
            description = "What experts learn in English; default ${DEFAULT-VALUE}.")
    private List<String> skills = List.of();

    @Option(
            names = "--with-language",
            paramLabel = "SKILL",
            split = ",",
            defaultValue = "sums,pig-latin",
            description = "Those whose experts are merged with the one in the language, '' for none; default"
                    + " ${DEFAULT-VALUE}.")
    private List<String> withLanguage = List.of();

    @Option(
            names = "--questions",
            defaultValue = "50",
            description = "Of an exam, up to 100; default ${DEFAULT-VALUE}.")
    private int questions;

    @Option(
            names = "--examples",
            defaultValue = "2000",
            description =
                    "That an expert in a skill sees, those of a small file several times; default ${DEFAULT-VALUE}.")
    private int examples;

    @Option(
            names = "--lessons",
            defaultValue = "4000",
            description = "Examples for the expert in the language; default ${DEFAULT-VALUE}.")
    private int lessons;

    @Option(names = "--rank", defaultValue = "32", description = "Of the experts; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--batch-size", defaultValue = "8", description = "Of a step; default ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(names = "--learning-rate", defaultValue = "0.001", description = "Default ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(
            names = "--density",
            defaultValue = "0.5",
            description = "Share of entries that pruning keeps; default ${DEFAULT-VALUE}.")
    private double density;

    @Option(names = "--seeds", split = ",", defaultValue = "1,2,3", description = "Default ${DEFAULT-VALUE}.")
    private List<Long> seeds = List.of();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For language.csv and retention.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new ExpertMerging()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        requireSkills();
        if (!Files.exists(model.resolve("config.json"))) {
            OUT.println(model + " is not there; teaching " + SAMPLE + " a second language");
            PretrainCommand.train(PretrainSettings.bilingual(SAMPLE, model, PretrainSettings.BILINGUAL_STEPS, 1), OUT);
        }
        ExpertFiles.write(FILES, 1, examples, lessons);
        // Room for the sum of all experts.
        String settings = "kernels:\n  max-rank: " + Math.max(64, rank * skills.size()) + "\n";
        try (ServerProcess server = ServerProcess.start(model, settings, "")) {
            School.Lessons plan = new School.Lessons(examples, questions, rank, batchSize, learningRate);
            School school = new School(server.client(), FILES, plan, OUT);
            LanguageTransfer transfer = new LanguageTransfer(school, density, OUT);
            Retention retention = new Retention(school, density, OUT);
            for (long seed : seeds) {
                measure(school, transfer, retention, seed);
            }
            transfer.print();
            retention.print();
        }
        return 0;
    }

    private void requireSkills() {
        withLanguage = withLanguage.stream().filter(skill -> !skill.isBlank()).toList();
        Set<String> unknown = new LinkedHashSet<>(skills);
        unknown.removeAll(ExpertFiles.skills());
        if (!unknown.isEmpty()) {
            throw new ParameterException(
                    new CommandLine(this), "there are no skills " + unknown + " among " + ExpertFiles.skills());
        }
        Set<String> untaught = new LinkedHashSet<>(withLanguage);
        untaught.removeAll(skills);
        if (!untaught.isEmpty()) {
            throw new ParameterException(
                    new CommandLine(this), "--with-language has " + untaught + ", which --skills has not");
        }
    }

    private void measure(School school, LanguageTransfer transfer, Retention retention, long seed)
            throws IOException, InterruptedException {
        String language = withLanguage.isEmpty() ? "" : school.teach(List.of(ExpertFiles.LANGUAGE), seed);
        Map<String, String> experts = new LinkedHashMap<>();
        for (String skill : withLanguage) {
            String expert = school.teach(List.of(skill), seed);
            experts.put(skill, expert);
            transfer.measure(skill, language, expert, seed);
            // Now and then, so that a run that ends early leaves what it has.
            transfer.write(out.resolve("language.csv"));
        }
        for (String skill : skills) {
            if (!experts.containsKey(skill)) {
                experts.put(skill, school.teach(List.of(skill), seed));
            }
        }
        retention.measure(experts, seed);
        retention.write(out.resolve("retention.csv"));
    }
}
