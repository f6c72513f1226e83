package io.tandem.loadtest.crash;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** Uploads and deletes files. */
final class FileActor extends Actor {
    private static final String FILES = "/v1/files";
    private static final int LARGEST = 400_000;
    private static final int KEPT = 20;

    private final Random random;
    private final Path directory;
    /** Hashes of the contents by the files' ids. */
    private final Map<String, String> stored = new LinkedHashMap<>();

    private final Set<String> deleted = new HashSet<>();
    /** Of files that were sent, whether they were acknowledged or not. */
    private final Set<String> sent = new HashSet<>();

    private String beingDeleted = "";

    /** @param directory for what is sent */
    FileActor(long seed, Path directory, Acknowledged acknowledged, Tally tally) {
        super(acknowledged, tally);
        this.random = new Random(seed);
        this.directory = directory;
    }

    @Override
    void act(ApiClient client) throws IOException, InterruptedException {
        if (stored.size() > KEPT || (!stored.isEmpty() && random.nextInt(4) == 0)) {
            List<String> ids = new ArrayList<>(stored.keySet());
            beingDeleted = ids.get(random.nextInt(ids.size()));
            client.delete(FILES + "/" + beingDeleted);
            stored.remove(beingDeleted);
            deleted.add(beingDeleted);
            acknowledged().add("file deleted", beingDeleted);
            beingDeleted = "";
        } else {
            byte[] content = new byte[1 + random.nextInt(LARGEST)];
            random.nextBytes(content);
            String hash = hash(content);
            sent.add(hash);
            String id = client.upload(Files.write(directory.resolve("upload"), content));
            stored.put(id, hash);
            acknowledged().add("file uploaded", id);
        }
    }

    @Override
    void check(ApiClient client) throws IOException, InterruptedException {
        if (!beingDeleted.isEmpty() && isGone(client, FILES + "/" + beingDeleted)) {
            stored.remove(beingDeleted);
            deleted.add(beingDeleted);
        }
        acknowledged().interrupted(beingDeleted);
        beingDeleted = "";
        Set<String> there = new HashSet<>();
        for (JsonNode file : client.get(FILES + "?limit=1000").path("data")) {
            if (!file.path("filename").asText().equals("upload")) {
                continue;
            }
            String id = file.path("id").asText();
            there.add(id);
            String hash = hash(client.content(FILES + "/" + id + "/content"));
            tally().require(
                            sent.contains(hash) && hash.equals(stored.getOrDefault(id, hash)),
                            "file " + id + " has other content than was sent");
            tally().require(!deleted.contains(id), "file " + id + " was deleted and is back");
            stored.putIfAbsent(id, hash);
        }
        stored.keySet().stream()
                .filter(id -> !there.contains(id))
                .forEach(id -> tally().fail("file " + id + " was acknowledged and is gone"));
        stored.keySet().retainAll(there);
        stored.keySet().forEach(acknowledged()::checked);
        deleted.forEach(acknowledged()::checked);
    }

    private static String hash(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
