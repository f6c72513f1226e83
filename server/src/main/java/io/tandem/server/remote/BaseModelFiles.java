package io.tandem.server.remote;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** A model in HuggingFace's layout: configuration, tokenizer and safetensors, none of the other formats beside them. */
final class BaseModelFiles implements RepositoryFiles {
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = SINGLE + ".index.json";
    private static final int MAX_INDEX_BYTES = 64 << 20;
    private static final Pattern SMALL = Pattern.compile("config[^/]*\\.json|generation_config\\.json"
            + "|tokenizer[^/]*\\.(json|model)|special_tokens_map\\.json|added_tokens\\.json|vocab\\.json|merges\\.txt"
            + "|chat_template\\.(jinja|json)|additional_chat_templates/tool_use\\.jinja");

    private final HubName name;

    BaseModelFiles(HubName name) {
        this.name = name;
    }

    @Override
    public boolean complete(Path snapshot) {
        if (!Files.exists(snapshot.resolve("config.json")) || !Files.exists(snapshot.resolve("tokenizer.json"))) {
            return false;
        }
        if (Files.exists(snapshot.resolve(SINGLE))) {
            return true;
        }
        try {
            return Files.exists(snapshot.resolve(INDEX))
                    && shards(snapshot).stream().allMatch(shard -> Files.exists(snapshot.resolve(shard)));
        } catch (ModelFormatException | InvalidPathException e) {
            return false;
        }
    }

    @Override
    public List<String> first(Set<String> all) throws Unavailable {
        if (!all.contains("config.json")) {
            throw lacking("config.json, so it is no model in HuggingFace's layout");
        }
        if (!all.contains(SINGLE) && !all.contains(INDEX)) {
            throw lacking(
                    SINGLE + " and no " + INDEX + ": other formats are not read; choose a repository with safetensors");
        }
        List<String> files = new ArrayList<>(
                all.stream().filter(file -> SMALL.matcher(file).matches()).toList());
        if (!all.contains(SINGLE)) {
            files.add(INDEX);
        }
        return files;
    }

    @Override
    public List<String> then(Set<String> all, Path snapshot) throws Unavailable {
        if (all.contains(SINGLE)) {
            return List.of(SINGLE);
        }
        Set<String> shards;
        try {
            shards = shards(snapshot);
        } catch (ModelFormatException e) {
            throw new Unavailable(Unavailable.Reason.DAMAGED, String.valueOf(e.getMessage()), e);
        }
        for (String shard : shards) {
            if (!all.contains(shard)) {
                throw lacking("'" + shard + "', which its index names");
            }
        }
        return List.copyOf(shards);
    }

    private static Set<String> shards(Path snapshot) {
        JsonFields index = JsonFields.read(snapshot.resolve(INDEX), MAX_INDEX_BYTES);
        JsonFields map = index.object("weight_map")
                .orElseThrow(() -> index.refuse("weight_map", "an object of tensor names and file names"));
        Set<String> shards = new TreeSet<>();
        for (String tensor : map.keys()) {
            shards.add(map.value(tensor).map(JsonNode::asText).orElse(""));
        }
        return shards;
    }

    private Unavailable lacking(String what) {
        return new Unavailable(Unavailable.Reason.ABSENT, "the repository " + name + " has no " + what);
    }
}
