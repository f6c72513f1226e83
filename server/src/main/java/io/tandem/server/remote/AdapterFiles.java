package io.tandem.server.remote;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** PEFT's two files, at the top of a repository or in a folder of it. */
final class AdapterFiles implements RepositoryFiles {
    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = "adapter_model.safetensors";

    private final HubName name;
    private final String prefix;

    AdapterFiles(HubName name, String folder) {
        this.name = name;
        this.prefix = folder.isEmpty() ? "" : folder + "/";
    }

    @Override
    public boolean complete(Path snapshot) {
        return Files.exists(snapshot.resolve(prefix + CONFIG)) && Files.exists(snapshot.resolve(prefix + WEIGHTS));
    }

    @Override
    public List<String> first(Set<String> all) throws Unavailable {
        for (String file : List.of(CONFIG, WEIGHTS)) {
            if (!all.contains(prefix + file)) {
                throw new Unavailable(
                        Unavailable.Reason.ABSENT,
                        "the repository " + name + " has no " + prefix + file
                                + ", so it is no adapter in PEFT's layout");
            }
        }
        return List.of(prefix + CONFIG, prefix + WEIGHTS);
    }

    @Override
    public List<String> then(Set<String> all, Path snapshot) {
        return List.of();
    }
}
