package io.tandem.server.finetune.data;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.server.api.ApiException;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.InvalidDataset;
import io.tandem.server.dataset.Tags;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What a job learns and is measured by, from its files.
 *
 * @param trainingSet what the training file has
 * @param training its examples
 * @param validation those of the validation file
 */
public record JobData(Dataset trainingSet, List<Example> training, List<Example> validation) {

    /** Where files are. */
    public interface Files {
        /** The content of a file, for whoever closes it; empty if there is none. */
        Optional<FileChannel> open(String file) throws IOException;
    }

    /**
     * Reads a job's files.
     *
     * @param frozen what the job stands on
     * @throws ApiException naming the file that is wrong and its lines
     */
    public static JobData read(JobSpec spec, FrozenAdapters frozen, Files files, TrainingSetup setup)
            throws IOException {
        // One adapter of a stack has virtual tokens.
        int virtual = spec.alternatives().stream()
                .mapToInt(alternative -> alternative.method().virtualTokens())
                .reduce(frozen.virtualTokens(), Math::max);
        DatasetReader reader = new DatasetReader(
                setup.model(),
                Math.max(1, setup.maxExampleTokens() - virtual),
                spec.texts(),
                frozen.controls().keySet());
        Dataset training = dataset("training_file", spec.trainingFile(), spec.objective(), files, reader);
        Optional<String> validation = spec.validationFile();
        JobData data = new JobData(
                training,
                examples(training, frozen.controls()),
                validation.isEmpty()
                        ? List.of()
                        : examples(
                                dataset("validation_file", validation.get(), spec.objective(), files, reader),
                                frozen.controls()));
        spec.method().config().invocation().ifPresent(invocation -> {
            requireLearning("training_file", data.training, invocation);
            requireLearning("validation_file", data.validation, invocation);
        });
        spec.distillation().ifPresent(distills -> {
            Dataset.Supervised set = (Dataset.Supervised) training;
            DistilledFile.requireFew(set);
            if (!distills.written()) {
                DistilledFile.requireMore(distills.wanted(), set);
            }
        });
        return data;
    }

    private static void requireLearning(String field, List<Example> examples, Invocation invocation) {
        for (int i = 0; i < examples.size(); i++) {
            boolean learns = examples.get(i).sequences().stream()
                    .map(sequence -> sequence.acting(List.of(Optional.of(invocation))))
                    .allMatch(TrainingPack.Sequence::learnsWhereTheLastActs);
            if (!learns) {
                throw ApiException.invalid(
                        field,
                        "'" + field + "': example " + (i + 1)
                                + " has no token to learn behind the 'invocation_tokens', or lacks them in its prompt.");
            }
        }
    }

    /** @throws ApiException if the file is missing or wrong, or has pairs where texts are needed, or the other way round */
    static Dataset dataset(String field, String file, Objective objective, Files files, DatasetReader reader)
            throws IOException {
        DatasetReader.Result result;
        try (InputStream in = Channels.newInputStream(files.open(file).orElseThrow(() -> missing(field, file)))) {
            result = reader.read(in);
        }
        boolean preferences = objective instanceof Objective.Preference;
        if (result instanceof InvalidDataset invalid) {
            throw ApiException.invalid(
                    field,
                    "'" + field + "' has " + invalid.count()
                            + (invalid.count() == 1 ? " wrong line: " : " wrong lines: ")
                            + String.join("; ", invalid.reasons()));
        }
        if (result instanceof Dataset dataset && preferences == (dataset instanceof Dataset.Preferences)) {
            return dataset;
        }
        throw ApiException.invalid(
                field,
                preferences
                        ? "'" + field + "' has no preference pairs, which the method 'dpo' needs."
                        : "'" + field + "' has preference pairs, which only the method 'dpo' can use.");
    }

    public static ApiException missing(String field, String file) {
        return ApiException.invalid(
                field,
                "'" + field + "': there is no file '" + file
                        + "'; it has to be the 'id' of one that was uploaded with POST /v1/files.");
    }

    /** @param controls by the labels that the examples name */
    static List<Example> examples(Dataset dataset, Map<String, AdapterVersion> controls) {
        if (dataset instanceof Dataset.Preferences preferences) {
            return preferences.pairs().stream()
                    .map(pair -> Example.pair(ability(pair.tags()), pair.preferred(), pair.nonPreferred())
                            .under(control(pair.tags(), controls)))
                    .toList();
        }
        return ((Dataset.Supervised) dataset)
                .examples().stream()
                        .map(example -> Example.text(ability(example.tags()), example.sequence())
                                .under(control(example.tags(), controls)))
                        .toList();
    }

    private static String ability(Tags tags) {
        return tags.ability().orElse("");
    }

    private static Optional<AdapterVersion> control(Tags tags, Map<String, AdapterVersion> controls) {
        return tags.control().map(label -> Objects.requireNonNull(controls.get(label)));
    }
}
