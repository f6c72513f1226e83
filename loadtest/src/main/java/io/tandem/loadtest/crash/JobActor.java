package io.tandem.loadtest.crash;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;

/** Creates, pauses, resumes, cancels and deletes fine-tuning jobs. */
final class JobActor extends Actor {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final Map<String, String> DONE =
            Map.of("pause", "job paused", "resume", "job resumed", "cancel", "job cancelled");
    private static final Set<String> ENDED = Set.of("succeeded", "failed", "cancelled");
    private static final int OPEN = 4;
    private static final long PAUSE_MILLIS = 50;
    private static final long END_MILLIS = 200;
    private static final int END_POLLS = 1500;

    private final Random random;
    private final Path examples;
    private final Map<String, Known> jobs = new LinkedHashMap<>();
    private final Set<String> deleted = new HashSet<>();
    private String model = "";
    private String file = "";
    /** The job that is told something; empty if none is. */
    private String told = "";

    /**
     * What was acknowledged of a job.
     *
     * @param checkpoint the last one's step; 0 if there is none
     */
    private record Known(String status, int checkpoint) {
        boolean ended() {
            return ENDED.contains(status);
        }
    }

    /** @param examples a training file */
    JobActor(long seed, Path examples, Acknowledged acknowledged, Tally tally) {
        super(acknowledged, tally);
        this.random = new Random(seed);
        this.examples = examples;
    }

    @Override
    void act(ApiClient client) throws IOException, InterruptedException {
        if (file.isEmpty()) {
            model = client.get("/v1/models").at("/data/0/id").asText();
            file = client.upload(examples);
        }
        if (jobs.values().stream().filter(known -> !known.ended()).count() < OPEN) {
            String id = create(client);
            jobs.put(id, new Known("queued", 0));
            acknowledged().add("job created", id);
        }
        List<String> ids = new ArrayList<>(jobs.keySet());
        String id = ids.get(random.nextInt(ids.size()));
        see(client, id);
        told = id;
        tell(client, id);
        told = "";
        Thread.sleep(PAUSE_MILLIS);
    }

    private Known known(String id) {
        return Objects.requireNonNull(jobs.get(id));
    }

    private String create(ApiClient client) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", model).put("training_file", file).put("seed", 1).put("suffix", "crash");
        body.putObject("hyperparameters")
                .put("n_epochs", 1 + random.nextInt(6))
                .put("batch_size", 4)
                .put("rank", 2)
                .put("checkpoint_every", 2);
        return client.post(JOBS, body).path("id").asText();
    }

    private void tell(ApiClient client, String id) throws IOException, InterruptedException {
        Known known = known(id);
        if (known.ended()) {
            if (random.nextInt(4) == 0) {
                client.delete(JOBS + "/" + id);
                jobs.remove(id);
                deleted.add(id);
                acknowledged().add("job deleted", id);
            }
            return;
        }
        String verb = known.status().equals("paused")
                ? "resume"
                : random.nextInt(3) == 0 ? "pause" : random.nextInt(6) == 0 ? "cancel" : "";
        if (verb.isEmpty()) {
            return;
        }
        try {
            JsonNode job = client.post(JOBS + "/" + id + "/" + verb, ApiClient.JSON.createObjectNode());
            jobs.put(id, new Known(job.path("status").asText(), known.checkpoint()));
            acknowledged().add(Objects.requireNonNull(DONE.get(verb)), id);
        } catch (StatusException e) {
            // It has ended meanwhile.
            see(client, id);
            tally().require(known(id).ended(), "job " + id + " refuses to " + verb + ": " + e.getMessage());
        }
    }

    private static String checkpoint(String id) {
        return id + " checkpoint";
    }

    private void see(ApiClient client, String id) throws IOException, InterruptedException {
        Known before = known(id);
        Known now = look(client, id);
        tally().require(!now.status().equals("failed"), "job " + id + " has failed");
        if (now.status().equals("succeeded") && !before.ended()) {
            acknowledged().add("job succeeded", id);
        }
        if (now.checkpoint() > before.checkpoint()) {
            acknowledged().add("job checkpoint written", checkpoint(id));
        }
        jobs.put(id, now);
    }

    private static Known look(ApiClient client, String id) throws IOException, InterruptedException {
        int checkpoint = client.get(JOBS + "/" + id + "/checkpoints?limit=1")
                .at("/data/0/step_number")
                .asInt();
        return new Known(client.get(JOBS + "/" + id).path("status").asText(), checkpoint);
    }

    @Override
    void check(ApiClient client) throws IOException, InterruptedException {
        for (String id : deleted) {
            tally().require(isGone(client, JOBS + "/" + id), "job " + id + " was deleted and is back");
            acknowledged().checked(id);
        }
        acknowledged().interrupted(told);
        for (String id : List.copyOf(jobs.keySet())) {
            boolean uncertain = id.equals(told);
            if (isGone(client, JOBS + "/" + id)) {
                tally().require(uncertain && known(id).ended(), "job " + id + " was acknowledged and is gone");
                jobs.remove(id);
                deleted.add(id);
                continue;
            }
            Known before = known(id);
            Known now = look(client, id);
            jobs.put(id, now);
            tally().require(!now.status().equals("failed"), "job " + id + " has failed");
            tally().require(
                            !before.ended() || now.status().equals(before.status()),
                            "job " + id + " was " + before.status() + " and is " + now.status());
            tally().require(
                            uncertain
                                    || !before.status().equals("paused")
                                    || now.status().equals("paused"),
                            "job " + id + " was paused and is " + now.status());
            tally().require(
                            uncertain
                                    || before.status().equals("paused")
                                    || !now.status().equals("paused"),
                            "job " + id + " was not paused and is now");
            tally().require(
                            now.checkpoint() >= before.checkpoint(),
                            "job " + id + " has lost the checkpoint of step " + before.checkpoint());
            acknowledged().checked(id);
            acknowledged().checked(checkpoint(id));
        }
        told = "";
    }

    /** Lets all jobs end, and asks what they have made. */
    void finish(ApiClient client) throws IOException, InterruptedException {
        for (String id : jobs.keySet()) {
            if (known(id).status().equals("paused")) {
                client.post(JOBS + "/" + id + "/resume", ApiClient.JSON.createObjectNode());
            }
        }
        for (int i = 0; i < END_POLLS && jobs.values().stream().anyMatch(known -> !known.ended()); i++) {
            Thread.sleep(END_MILLIS);
            for (String id : List.copyOf(jobs.keySet())) {
                see(client, id);
            }
        }
        for (String id : jobs.keySet()) {
            JsonNode job = client.get(JOBS + "/" + id);
            String name = job.path("fine_tuned_model").asText();
            tally().require(
                            known(id).ended(),
                            "job " + id + " does not end: " + known(id).status());
            if (known(id).status().equals("succeeded")) {
                ObjectNode body = ApiClient.JSON.createObjectNode();
                client.post(
                        "/v1/completions",
                        body.put("model", name).put("prompt", "Once").put("max_tokens", 1));
                tally().count("adapters of jobs loaded at the end");
            }
        }
    }
}
