package io.tandem.loadtest.crash;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** Publishes, replaces, merges, compresses, labels and deletes adapters of its own, and puts versions on trial. */
final class AdapterActor extends Actor {
    private static final String ADAPTERS = "/v1/adapters";
    private static final int NAMES = 3;

    private final Random random;
    private final GeneratedAdapter shape;
    private final String prefix;
    /** What clients see of each adapter that was acknowledged. */
    private final Map<String, JsonNode> known = new LinkedHashMap<>();

    /** The adapter of the change that is on its way; empty if there is none. */
    private String changing = "";

    AdapterActor(long seed, String prefix, GeneratedAdapter shape, Acknowledged acknowledged, Tally tally) {
        super(acknowledged, tally);
        this.random = new Random(seed);
        this.shape = shape;
        this.prefix = prefix;
    }

    @Override
    void act(ApiClient client) throws IOException, InterruptedException {
        String name = prefix + random.nextInt(NAMES);
        changing = name;
        String kind;
        if (known.containsKey(name)) {
            kind = change(client, name);
        } else {
            shape.publish(client, name, random.nextInt(1000));
            kind = "adapter published";
        }
        if (isGone(client, ADAPTERS + "/" + name)) {
            known.remove(name);
        } else {
            known.put(name, seen(client, name));
        }
        acknowledged().add(kind, name);
        changing = "";
    }

    /** @return what was done */
    private String change(ApiClient client, String name) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        String path = ADAPTERS + "/" + name;
        List<String> names = new ArrayList<>(known.keySet());
        switch (random.nextInt(7)) {
            case 0 -> {
                shape.publish(client, name, random.nextInt(1000));
                return "adapter replaced";
            }
            case 1 -> {
                client.delete(path);
                return "adapter deleted";
            }
            case 2 -> {
                body.putObject("labels").put("number", Integer.toString(random.nextInt(1000)));
                client.post(path + "/labels", body);
                return "adapter labelled";
            }
            case 3 -> {
                String oldest =
                        known(name).path("versions").path(0).path("hash").asText();
                // The current version cannot be tried beside itself, but a trial can be ended.
                boolean current = oldest.startsWith(known(name).path("version").asText());
                body.put("version", oldest).put("percent", current ? 0 : 50);
                client.post(path + "/canary", body);
                return "canary set";
            }
            case 4 -> {
                client.post(path + "/compress", body.put("density", 0.3).put("sweeps", 1));
                return "adapter compressed";
            }
            case 5 -> {
                client.post(path + "/pin", body.put("pinned", random.nextBoolean()));
                return "adapter pinned or unpinned";
            }
            default -> {
                body.put("name", name).put("merge_strategy", "linear");
                body.putArray("ids").add(names.get(0)).add(names.get(names.size() - 1));
                body.putArray("weights").add(0.5).add(0.1 * random.nextInt(10) + 0.1);
                client.post(ADAPTERS + "/merge", body);
                return "adapter merged";
            }
        }
    }

    private JsonNode known(String name) {
        return Objects.requireNonNull(known.get(name));
    }

    /** All that a restart must not change. */
    private static JsonNode seen(ApiClient client, String name) throws IOException, InterruptedException {
        ObjectNode adapter = client.get(ADAPTERS + "/" + name).deepCopy();
        adapter.remove(List.of("report", "tier", "last_used_at"));
        adapter.path("versions").forEach(version -> ((ObjectNode) version).remove("tier"));
        return adapter;
    }

    @Override
    void check(ApiClient client) throws IOException, InterruptedException {
        acknowledged().interrupted(changing);
        for (int i = 0; i < NAMES; i++) {
            String name = prefix + i;
            boolean gone = isGone(client, ADAPTERS + "/" + name);
            if (name.equals(changing)) {
                tally().count("adapter changes interrupted by a kill");
                known.remove(name);
                if (!gone) {
                    known.put(name, seen(client, name));
                }
            } else if (gone) {
                tally().require(!known.containsKey(name), "adapter " + name + " was acknowledged and is gone");
                known.remove(name);
            } else {
                JsonNode now = seen(client, name);
                JsonNode before = known.get(name);
                tally().require(before != null, "adapter " + name + " was deleted and is back");
                tally().require(
                                before == null || before.equals(now),
                                "adapter " + name + " has changed from " + before + " to " + now);
                known.put(name, now);
            }
            if (!gone) {
                answers(client, name);
            }
            acknowledged().checked(name);
        }
        changing = "";
    }

    /** A server compares an adapter's bytes with their hash when it loads them. */
    private void answers(ApiClient client, String name) throws IOException, InterruptedException {
        for (JsonNode version : known(name).path("versions")) {
            String reference = name + "@" + version.path("hash").asText();
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("model", reference).put("prompt", "Once").put("max_tokens", 1);
            try {
                client.post("/v1/completions", body);
                tally().count("adapter versions loaded after a restart");
            } catch (StatusException e) {
                tally().fail("adapter " + reference + " does not answer: " + e.getMessage());
            }
        }
    }
}
