# Says every morning whether the cluster's certificates need work within two weeks. The job fails if they do:
# alert on nomad_nomad_job_summary_failed, or read its log. It has no key and no store, and talks to no agent.
variable "inventory" {
  type        = string
  description = "Where the machine with the store puts cluster.yaml and inventory.json: a URL of a folder, with / at its end"
}

variable "image" {
  type        = string
  description = "The image of templates/Containerfile"
}

job "nomad-pki-watch" {
  type        = "batch"
  datacenters = ["*"]

  periodic {
    crons            = ["17 6 * * *"]
    time_zone        = "UTC"
    prohibit_overlap = true
  }

  group "watch" {
    reschedule {
      attempts  = 0
      unlimited = false
    }

    restart {
      attempts = 0
      mode     = "fail"
    }

    task "plan" {
      driver = "docker"

      config {
        image    = var.image
        args     = ["plan", "--inventory", "inventory.json", "--at", "+14d"]
        work_dir = "/local"
      }

      artifact {
        source = "${var.inventory}cluster.yaml"
      }

      artifact {
        source = "${var.inventory}inventory.json"
      }

      resources {
        cpu    = 200
        memory = 512
      }
    }
  }
}
