package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.MemoryPlan;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.DatasetSummary;
import io.tandem.server.dataset.TokenPreview;
import io.tandem.server.finetune.data.JobData;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.request.TrainingDevice;
import io.tandem.server.text.Tokenizer;
import java.util.Locale;

/** What a job would do: what it reads, learns, takes and costs. Nothing is trained. */
record DryRun(JobSpec spec, JobData data, FrozenAdapters frozen, TrainingDevice device) {
    private static final int PREVIEWED_EXAMPLES = 3;

    ObjectNode answer(Tokenizer tokenizer) {
        device.requireShape(spec.method());
        DatasetSummary summary = data.trainingSet().summary();
        Settings settings = spec.settings(data.training().size(), spec.seed());
        long trained = data.training().stream().mapToLong(this::rows).sum() * settings.epochs();
        long learning = data.training().stream().mapToLong(this::learningRows).sum() * settings.epochs();
        ObjectNode answer = JsonBody.MAPPER.createObjectNode();
        answer.put("object", "fine_tuning.dry_run");
        ObjectNode file = answer.putObject("training_file");
        file.put("examples", summary.examples()).put("tokens", summary.tokens());
        file.put("learned_tokens", summary.learnedTokens()).put("longest_tokens", summary.longestTokens());
        file.put("truncated", summary.truncated()).put("duplicates", summary.duplicates());
        ObjectNode formats = file.putObject("formats");
        summary.formats().forEach(formats::put);
        ObjectNode abilities = file.putObject("abilities");
        summary.abilities().forEach(abilities::put);
        ObjectNode controls = file.putObject("controls");
        summary.controls().forEach(controls::put);
        int batches = JobSpec.ceilDiv(data.training().size(), settings.batchSize());
        MemoryPlan plan = device.memory(spec, batches * settings.epochs());
        ObjectNode training = answer.putObject("training");
        training.put("n_epochs", settings.epochs()).put("batch_size", settings.batchSize());
        training.put("steps", batches * settings.epochs()).put("trained_tokens", trained);
        training.put(
                "trained_parameters", spec.method().parameters(device.model()).sum());
        training.put("estimated_seconds", Math.round(1000 * device.seconds(trained, learning)) / 1000.0);
        ObjectNode memory = answer.putObject("memory");
        memory.put("needed_bytes", plan.total()).put("available_bytes", device.memoryBytes());
        memory.put("fits", plan.total() <= device.memoryBytes());
        ObjectNode parts = memory.putObject("parts");
        plan.bytes().forEach((part, bytes) -> parts.put(part.name().toLowerCase(Locale.ROOT), bytes));
        ArrayNode previews = answer.putArray("preview");
        TokenPreview.first(PREVIEWED_EXAMPLES, data.trainingSet(), tokenizer)
                .forEach(preview -> previews.add(preview(preview)));
        return answer;
    }

    /** Tokens that an example trains on, and virtual ones that run before them. */
    private long rows(Example example) {
        int virtual = spec.method().virtualRows()
                + frozen.below(example)
                        .mapToInt(version -> version.adapter().virtualRows())
                        .sum();
        return example.rows() + (long) virtual * example.sequences().size();
    }

    /** Of those the ones that go backward. */
    private long learningRows(Example example) {
        return rows(example)
                - example.sequences().stream()
                        .mapToLong(sequence ->
                                sequence.before(spec.method().config().invocation()))
                        .sum();
    }

    private static ObjectNode preview(TokenPreview preview) {
        ObjectNode shown = JsonBody.MAPPER.createObjectNode();
        shown.put("example", preview.example());
        shown.put("part", preview.part().name().toLowerCase(Locale.ROOT));
        preview.control().ifPresent(control -> shown.put("control", control));
        ArrayNode tokens = shown.putArray("tokens");
        for (TokenPreview.Token token : preview.tokens()) {
            tokens.addObject().put("id", token.id()).put("text", token.text()).put("learned", token.learned());
        }
        return shown;
    }
}
